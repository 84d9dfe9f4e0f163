"""`cors:` of `gateway.yaml`, and of a composition or a route: which pages may read replies."""

from typing import Annotated

from bff.declarations.declaration import Declaration
from bff.declarations.models.addresses import Origin
from bff.declarations.models.forms import FromList, PreflightAge


class CorsDecl(Declaration):
    """Which origins' pages may read replies. What an endpoint's own leaves out is the gateway's."""

    origins: Annotated[tuple[Origin, ...], FromList] | None = None  # none when None
    credentials: bool | None = None  # false when None
    max_age: PreflightAge | None = None  # seconds; ten minutes when None
