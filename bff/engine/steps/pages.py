"""What one reply has of a list that comes in pages, and what leads to the page after it. Pure."""

import re
from collections.abc import Set
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit

from bff.engine.ports import Headers
from bff.engine.steps.inputs import is_true
from bff.engine.steps.link_headers import link_target
from bff.errors import EvaluationError
from bff.plan.model.steps import ByCursor, ByLink, Pages

_SENDABLE: Final = re.compile(r"[!-~]*")


class Page(NamedTuple):
    """What one reply has of the list, and the cursor or the link to the page after it, None where
    there is none."""

    items: list[Any]
    leads_to: Any


def read_page(pages: Pages, whole: Any, headers: Headers) -> Page:
    """The page in a reply's JSON value and its headers. Raises `EvaluationError`."""
    root = {"reply": whole}
    items = whole if pages.items is None else pages.items.evaluate(root)
    if not isinstance(items, list | None):
        raise EvaluationError("pages are joined to one list, and a reply has none")
    leads_to = None
    match pages.by:
        case ByCursor(next=following) | ByLink(next=following) if following is not None:
            found = following.evaluate(root)
            leads_to = found if is_true(found) else None
        case ByLink():
            leads_to = link_target(headers, "next")
    return Page(items or [], leads_to)


def followed(target: str, link: Any, added: Set[str]) -> str | None:
    """The request's target with the query of a link that it got, less the params that are `added`
    to each request; None for a link to another path, or one that can't be sent. Only the end of
    the link's path is compared, since a service may stand behind another prefix than it knows; its
    host counts for nothing."""
    if not isinstance(link, str):
        return None
    path = target.partition("?")[0]
    try:
        linked = urlsplit(urljoin(path, link))
    except ValueError:
        return None
    if not unquote(linked.path).endswith(unquote(path)) or not _SENDABLE.fullmatch(linked.query):
        return None
    query = linked.query
    if added:
        pairs = query.split("&")
        query = "&".join(
            each for each in pairs if unquote_plus(each.partition("=")[0]) not in added
        )
    return f"{path}?{query}" if query else path
