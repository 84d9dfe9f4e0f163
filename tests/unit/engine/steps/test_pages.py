"""Pages: one call after the other, until the list ends or a bound is reached."""

from typing import Any

import pytest
from msgspec import structs

from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import ByCursor, ByLink, ByOffset, ByPage, Fallback, Optional, Pages
from tests.support.plan.engine_runs import Ended, run
from tests.support.plan.plans import compose, expression, param, step
from tests.support.upstream.scripted_transport import Script, after, json_reply, reply

CURSOR = ByCursor(param("cursor", required=False), expression("reply.next"))


def pages(
    by: Any, items: str | None = "reply.items", most: int = 3, items_in_all: int = 100,
    truncates: bool = False,
) -> Pages:  # fmt: skip
    return Pages(by, items and expression(items), most, items_in_all, truncates)


def read(
    by: Any, scripts: dict[str, Script], response: str = "all", *,
    first: dict[str, str] | None = None, items: str | None = "reply.items", most: int = 3,
    items_in_all: int = 100,
    truncates: bool = False, **more: Any,
) -> Ended:  # fmt: skip
    """The run of one step that reads pages of `GET /all`."""
    own = [] if isinstance(by, ByLink) else [by.param]
    drawn = pages(by, items, most, items_in_all, truncates)
    all_ = step("all", "GET /all", first, params=own, pages=drawn, **more)
    return run(compose(all_, response={"all": response}), scripts)


def page(items: list[Any], following: Any = None) -> Script:
    return json_reply({"items": items, "next": following})


def linked(items: list[Any], *links: str) -> Script:
    body = str(items).encode().replace(b"'", b'"')
    answer = reply(200, body, content_type="application/json")
    return structs.replace(
        answer, headers=[*answer.headers, *((b"link", each.encode()) for each in links)]
    )


# ---------------------------------------------------------------------------- by cursor


@pytest.mark.parametrize("response", ["all", "[all][0]", "all[]"])
@pytest.mark.parametrize("end", [None, "", False, []])
def test_pages_by_cursor_are_one_list_until_the_cursor_ends(response, end):
    ended = read(
        CURSOR,
        {
            "GET /all": page([1, 2], "b"),
            "GET /all?cursor=b": page([], "c"),
            "GET /all?cursor=c": page([3], end),
        },
        response,
    )
    assert ended.payload == {"all": [1, 2, 3]}
    assert ended.degraded == []
    assert ended.targets == ["GET /all", "GET /all?cursor=b", "GET /all?cursor=c"]
    assert ended.result.timings[0].calls == 3


def test_zero_is_a_cursor_and_the_other_params_stay():
    by = ByCursor(param("cursor", required=False), expression("reply.has_more && reply.last"))
    scripts = {
        "GET /all?size=2": json_reply({"items": [1], "has_more": True, "last": 0}),
        "GET /all?cursor=0&size=2": json_reply({"items": [2], "has_more": False, "last": 5}),
    }
    composition = compose(
        step("all", "GET /all", {"size": "'2'"}, params=[by.param, param("size")], pages=pages(by))
    )
    assert run(composition, scripts).payload == {"all": [1, 2]}


def test_reply_that_is_the_list_and_a_null_for_the_list():
    numbers = ByPage(param("page"), 1)
    scripts = {"GET /all?page=1": json_reply([1]), "GET /all?page=2": json_reply(None)}
    ended = read(numbers, scripts, items=None, first={"page": "`1`"})
    assert ended.payload == {"all": [1]}
    assert read(CURSOR, {"GET /all": json_reply({"items": None})}).payload == {"all": []}


def test_cursor_that_comes_twice_fails_and_does_not_loop():
    scripts = {"GET /all": page([1], "b"), "GET /all?cursor=b": page([2], "b")}
    ended = read(CURSOR, scripts, most=50)
    assert (ended.failure.status, ended.failure.reason) == (502, "bad_page")
    assert len(ended.targets) == 2


def test_cursor_that_the_param_refuses_fails():
    def check(value: Any) -> Any:
        raise ValueError("must be a number")

    by = ByCursor(param("cursor", required=False, check=check), expression("reply.next"))
    failure = read(by, {"GET /all": page([1], "b")}).failure
    assert (failure.reason, failure.detail) == (
        "bad_page",
        "what leads to the next page must be a number",
    )


def test_reply_without_a_list_fails():
    assert read(CURSOR, {"GET /all": json_reply({"items": "x"})}).failure.reason == "expression"


# ---------------------------------------------------------------------------- by number and offset


def test_pages_by_number_end_at_an_empty_one():
    by = ByPage(param("page"), 0)
    scripts = {f"GET /all?page={each}": page([each] if each < 3 else []) for each in range(4)}
    assert read(by, scripts, first={"page": "`0`"}).payload == {"all": [0, 1, 2]}


def test_pages_by_offset_end_at_one_shorter_than_a_full_one():
    by = ByOffset(param("offset"), 2)
    scripts = {"GET /all?offset=0": page([1, 2]), "GET /all?offset=2": page([3])}
    assert read(by, scripts, first={"offset": "`0`"}).payload == {"all": [1, 2, 3]}


# ---------------------------------------------------------------------------- by link


LINKS = {
    # the header: the target that follows
    '<http://elsewhere.test/all?p=2>; rel="next"': "/all?p=2",
    '<https://shop.test/api/v1/all?p=2&q=a%2Fb>; rel="last"; x=1, </all?p=3>; rel=next': "/all?p=3",
    '<?p=2>; title="a, b; rel=prev"; rel="prev next"': "/all?p=2",
    "<all?p=2>;rel=NEXT": "/all?p=2",
    "<//other.test/all?p=2>; Rel = next": "/all?p=2",
    "<http://elsewhere.test/%61ll?p=2>; rel=next": "/all?p=2",
}


@pytest.mark.parametrize("header", LINKS)
def test_query_of_the_next_link_is_sent_to_the_operations_own_path(header):
    scripts = {"GET /all": linked([1], header), f"GET {LINKS[header]}": linked([2])}
    ended = read(ByLink(None), scripts, items=None)
    assert ended.payload == {"all": [1, 2]}
    assert {each.url for each in ended.transport.requests} == {
        "http://upstream.test/all",
        f"http://upstream.test{LINKS[header]}",
    }


@pytest.mark.parametrize(
    "header",
    ['<?p=2>; rel="last"', "<?p=2>", "?p=2; rel=next", "<?p=2>; rel=prev; rel=next", "<>", ""],
)
def test_reply_without_a_next_link_ends_the_list(header):
    assert read(ByLink(None), {"GET /all": linked([1], header)}, items=None).payload == {"all": [1]}


@pytest.mark.parametrize(
    "target",
    [
        "/other?p=2", "http://[bad/all?p=2", "/all/more?p=2", "/all?p=é", "mailto:all",
        "/all?p=1", "?p=1", "/all?p=" + "x" * 9000,
    ],
)  # fmt: skip
def test_link_to_another_path_in_a_circle_or_that_cannot_be_sent_fails(target):
    scripts = {
        "GET /all": linked([1], "<?p=1>; rel=next"),
        "GET /all?p=1": linked([2], f"<{target}>; rel=next"),
    }
    failure = read(ByLink(None), scripts, items=None, most=9).failure
    assert failure.reason == ("too_large" if "xxx" in target else "bad_page")


def test_second_link_header_counts_too():
    scripts = {
        "GET /all": linked([1], "<?p=9>; rel=last", "<?p=1>; rel=next"),
        "GET /all?p=1": linked([2]),
    }
    assert read(ByLink(None), scripts, items=None).payload == {"all": [1, 2]}


@pytest.mark.parametrize("end", [None, "", False])
def test_link_may_stand_in_the_body_and_then_no_header_counts(end):
    by = ByLink(expression("reply.links.next"))
    first = {"items": [1], "links": {"next": "https://public.example/v2/all?page[number]=2"}}
    last = {"items": [2], "links": {"next": end}}
    headers = [(b"link", b"<?p=9>; rel=next")]
    scripts = {
        "GET /all": structs.replace(json_reply(first), headers=headers),
        "GET /all?page[number]=2": structs.replace(json_reply(last), headers=headers),
    }
    assert read(by, scripts).payload == {"all": [1, 2]}
    wrong = {"GET /all": json_reply({"items": [1], "links": {"next": 7}})}
    assert read(by, wrong).failure.reason == "bad_page"


def test_param_that_each_request_to_the_service_has_is_left_out_of_a_link():
    """The pipeline adds it again; a key in the query would stand there twice."""
    by = ByLink(None, frozenset({"api key", "tenant"}))
    scripts = {
        "GET /all": linked([1], "<?api%20key=s&p=2&tenant=x&q=tenant>; rel=next"),
        "GET /all?p=2&q=tenant": linked([2], "<?tenant=x>; rel=next"),
    }
    assert read(by, scripts, items=None).failure.reason == "bad_page"
    scripts["GET /all?p=2&q=tenant"] = linked([2])
    assert read(by, scripts, items=None).payload == {"all": [1, 2]}


# ---------------------------------------------------------------------------- bounds

NUMBERS = ByPage(param("page"), 1)
OFFSETS = ByOffset(param("offset"), 2)
BOUNDED = {
    # by what, and the pages that come: whether the first two are all there is
    "cursor that ends": (CURSOR, ["", "?cursor=b"], [page([1, 2], "b"), page([3, 4])], True),
    "cursor that goes on": (
        CURSOR, ["", "?cursor=b"], [page([1, 2], "b"), page([3, 4], "c")], False,
    ),
    "numbers and an empty page": (
        NUMBERS, ["?page=1", "?page=2", "?page=3"], [page([1, 2]), page([3, 4]), page([])], True,
    ),
    "numbers and a page more": (
        NUMBERS, ["?page=1", "?page=2", "?page=3"], [page([1, 2]), page([3, 4]), page([5])], False,
    ),
    "full offsets and an empty page": (
        OFFSETS, ["?offset=0", "?offset=2", "?offset=4"],
        [page([1, 2]), page([3, 4]), page([])], True,
    ),
    "full offsets and a page more": (
        OFFSETS, ["?offset=0", "?offset=2", "?offset=4"],
        [page([1, 2]), page([3, 4]), page([5])], False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("bound", [{"most": 2}, {"items_in_all": 4, "most": 9}])
@pytest.mark.parametrize("case", BOUNDED)
def test_exactly_as_many_as_the_bound_are_fine_and_more_fail_or_are_cut(case, bound):
    by, targets, answers, is_all = BOUNDED[case]
    scripts = {f"GET /all{target}": answer for target, answer in zip(targets, answers, strict=True)}
    if "items_in_all" in bound and case == "cursor that goes on":
        scripts["GET /all?cursor=c"] = page([5])
    first = None if by is CURSOR else {by.param.name: "`1`" if by is NUMBERS else "`0`"}
    ended = read(by, scripts, first=first, **bound)
    if is_all:
        assert ended.payload == {"all": [1, 2, 3, 4]}
        assert ended.degraded == []
    else:
        assert (ended.failure.status, ended.failure.reason) == (502, "too_many")
    for response in ("all", "[all][0]"):
        cut = read(by, scripts, response, first=first, truncates=True, **bound)
        assert cut.payload == {"all": [1, 2, 3, 4]}
        assert cut.degraded == ([] if is_all else [("all", "too_many")])
        assert len(cut.targets) == len(set(cut.targets)) <= 3


@pytest.mark.parametrize("items", [None, "reply"])
@pytest.mark.parametrize("response", ["all", "[all][0]"])
def test_page_that_goes_beyond_the_items_is_cut_within(response, items):
    scripts = {"GET /all?page=1": json_reply(["a", "b", "c"])}
    ended = read(
        NUMBERS, scripts, response, first={"page": "`1`"}, items=items, items_in_all=2,
        truncates=True,
    )  # fmt: skip
    assert ended.payload == {"all": ["a", "b"]}
    assert ended.degraded == [("all", "too_many")]
    assert len(ended.targets) == 1


# ---------------------------------------------------------------------------- failures


def test_page_that_fails_follows_the_steps_policy_and_ends_the_calls():
    scripts = {"GET /all": page([1], "b"), "GET /all?cursor=b": reply(503)}
    assert read(CURSOR, scripts).failure.failures[0].received_status == 503
    optional = read(CURSOR, scripts, on_failure=Optional())
    assert (optional.payload, optional.degraded) == ({"all": None}, [("all", "status")])
    fallback = read(CURSOR, scripts, on_failure=Fallback([7], [7]))
    assert (fallback.payload, fallback.degraded) == ({"all": [7]}, [("all", "status")])
    too_many = read(CURSOR, scripts, most=1, on_failure=Optional())
    assert (too_many.payload, too_many.degraded) == ({"all": None}, [("all", "too_many")])
    failed = {"GET /all": page([1], "b"), "GET /all?cursor=b": Failed(Reason.REFUSED)}
    assert read(CURSOR, failed, on_failure=Optional()).degraded == [("all", "refused")]


@pytest.mark.parametrize("response", ["all", "[all][0]"])
def test_page_that_statuses_make_null_ends_the_list(response):
    scripts = {"GET /all?page=1": page([1]), "GET /all?page=2": reply(404)}
    first = {"page": "`1`"}
    ended = read(NUMBERS, scripts, response, first=first, statuses={404: "null"})
    assert (ended.payload, ended.degraded) == ({"all": [1]}, [])
    nothing = {"GET /all?page=1": reply(404)}
    ended = read(NUMBERS, nothing, response, first=first, statuses={404: "null"})
    assert ended.payload == {"all": []}


def test_pages_end_with_the_deadline():
    scripts = {"GET /all": page([1], "b"), "GET /all?cursor=b": after(60, page([2]))}
    ended = read(CURSOR, scripts)
    assert (ended.failure.status, ended.failure.reason) == (504, "deadline")
    assert ended.transport.cancelled == ["GET /all?cursor=b"]
