"""Whatever way a list comes in pages, all of it is read within its bounds, in no more calls."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from bff.engine.ports import UpstreamReply
from bff.engine.values.results import CompositionFailure
from bff.plan.model.steps import ByCursor, ByLink, ByOffset, ByPage, Pages
from tests.support.examples import examples
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import compose, expression, param, step
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.scripted_transport import json_reply

FIRST = {"page": "`3`", "offset": "`0`"}


def way(name: str, size: int) -> Any:
    match name:
        case "cursor":
            return ByCursor(param("cursor", required=False), expression("reply.next"))
        case "page":
            return ByPage(param("page"), 3)
        case "offset":
            return ByOffset(param("offset"), size)
        case _:
            return ByLink(expression("reply.link") if name == "link in the body" else None)


def shop_of(items: list[int], size: int) -> Any:
    """A service that has these items, `size` of them a page, and takes any of the ways."""

    async def answer(request: UpstreamRequest) -> UpstreamReply:
        query = {key: int(each[0]) for key, each in parse_qs(urlsplit(request.url).query).items()}
        start = query.get("offset", query.get("cursor", query.get("p", 0)))
        start = size * (query["page"] - 3) if "page" in query else start
        following = start + size if start + size < len(items) else None
        body = {"items": items[start : start + size], "next": following and str(following)}
        link = following and f"http://elsewhere.test/v1/all?p={following}"
        reply = json_reply({**body, "link": link})
        headers = [(b"link", f'<{link}>; rel="next"'.encode())] if link else []
        return structs.replace(reply, headers=headers)

    return answer


@settings(deadline=None, max_examples=examples(200))
@given(
    name=st.sampled_from(["cursor", "page", "offset", "link", "link in the body"]),
    count=st.integers(0, 12),
    size=st.integers(1, 4),
    max_pages=st.integers(1, 6),
    max_items=st.integers(1, 14),
    truncates=st.booleans(),
    whole=st.booleans(),
)
def test_pages_are_the_list_as_far_as_the_bounds_allow(
    name: str, count: int, size: int, max_pages: int, max_items: int, truncates: bool, whole: bool
) -> None:
    by = way(name, size)
    pages = Pages(by, expression("reply.items"), max_pages, max_items, truncates)
    own = [] if isinstance(by, ByLink) else [by.param]
    first = {key: text for key, text in FIRST.items() if key == name}
    all_ = step("all", "GET /all", first, params=own, pages=pages)
    items = list(range(count))
    response = {"all": "all" if whole else "all[]"}
    ended = run(compose(all_, response=response), {"GET /all": shop_of(items, size)})
    is_within = count <= max_items and -(-count // size) <= max_pages
    assert len(ended.targets) == len(set(ended.targets)) <= pages.most_calls
    if is_within or truncates:
        allowed = items[: min(max_items, max_pages * size)]
        assert ended.payload == {"all": items if is_within else allowed}
        assert ended.degraded == ([] if is_within else [("all", "too_many")])
    else:
        assert isinstance(ended.result, CompositionFailure)
        assert ended.result.reason == "too_many"
    assert json.dumps(ended.targets).count("elsewhere") == 0
