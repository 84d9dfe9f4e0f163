"""How a body holds the params of a composition or an operation."""

from collections.abc import Mapping

from bff.declarations.models.forms import Location
from bff.declarations.models.param import ParamDecl
from bff.declarations.models.places import FORM_TYPE
from bff.plan.model.service import BodyFormat

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


def body_format(
    params: Mapping[str, ParamDecl], locations: Mapping[str, Location], content_type: str | None
) -> BodyFormat | None:
    """The form of the body; None where no param is in it. A whole text goes as it is, unless it is
    declared to be JSON."""
    places = set(locations.values())
    if "form" in places:
        return BodyFormat("form", FORM_TYPE)
    if "body" not in places:
        return None
    whole = next((each for each in params.values() if each.whole), None)
    if whole is None:
        return BodyFormat("fields", content_type or _JSON)
    if whole.type == "string" and not _is_json(content_type):
        return BodyFormat("text", content_type or _TEXT)
    return BodyFormat("json", content_type or _JSON)


def _is_json(content_type: str | None) -> bool:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type == _JSON or media_type.endswith("+json")
