"""The endpoint of a request, by the names of the project.

Metrics, traces and the log take their names from it, so that no client can make up new ones.
"""

from typing import Any, Final, Literal, assert_never

from bff.plan.model.composition import Slo
from bff.telemetry.logs.texts import Facts

DestinationKind = Literal["composition", "route", "own", "app", "none"]


class Destination:
    """An endpoint, of a `release` of the project. `name` is the composition's, the route's prefix,
    or the path of one of the gateway's own; `route` is the template of its paths, as
    OpenTelemetry's `http.route`. `slo` is the composition's. `cells` has what is counted of its
    requests in this process, by how they went. `facts` are its fields in lines of the log."""

    __slots__ = ("cells", "facts", "kind", "name", "release", "route", "slo")

    def __init__(
        self,
        kind: DestinationKind,
        name: str = "",
        route: str = "",
        slo: Slo | None = None,
        release: str = "",
    ) -> None:
        self.kind = kind
        self.name = name
        self.route = route
        self.slo = slo
        self.release = release
        self.cells: dict[Any, Any] = {}
        self.facts = _facts(kind, name, release)


def _facts(kind: DestinationKind, name: str, release: str) -> Facts:
    facts: dict[str, Any] = {"bff.release": release} if release else {}
    match kind:
        case "composition" | "route":
            facts[f"bff.{kind}"] = name
        case "app":
            facts["bff.app"] = True
        case "own" | "none":
            pass
        case _:
            assert_never(kind)
    return Facts(facts)


NOWHERE: Final = Destination("none")  # of a request that no release has seen yet
