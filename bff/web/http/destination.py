"""What a request is for, as far as the project names it: an endpoint, never a client's own words.

Metrics, traces and the log take their names from it, so that no request can make up new ones.
"""

from typing import TYPE_CHECKING, Any, Final, Literal

from bff.plan.model.composition import Slo

if TYPE_CHECKING:
    from bff.web.http.cors import CrossOrigin

DestinationKind = Literal["composition", "route", "own", "app", "none"]


class Destination:
    """An endpoint. `name` is the composition's, the route's prefix, or the path of one of the
    gateway's own; `route` is the template of its paths, as OpenTelemetry's `http.route`.
    `cross_origin` is None where the project's own counts. `slo` is the composition's. `cells` has
    what somebody counts of its requests, by what came of them; one process's own."""

    __slots__ = ("cells", "cross_origin", "kind", "name", "route", "slo")

    def __init__(
        self,
        kind: DestinationKind,
        name: str = "",
        route: str = "",
        cross_origin: "CrossOrigin | None" = None,
        slo: Slo | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.route = route
        self.cross_origin = cross_origin
        self.slo = slo
        self.cells: dict[Any, Any] = {}


NOWHERE: Final = Destination("none")  # nothing of the project's is there
APP: Final = Destination("app")  # the app behind the gateway
