"""What is wrong is told in a problem document, whatever caused it, and nothing of the inside is."""

import pytest

from tests.support.gateway.screens import Screen, Screens, value_reply
from tests.support.leaks import refuse_leaks
from tests.support.upstream.wire_scripts import head, raw

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"


def test_problem_has_all_members_and_nothing_of_the_inside(screens: Screens) -> None:
    screen = screens(
        {"screen": USER, "post": USER.replace("GET /screen", "POST /post")},
        {"/users/1": raw(head(500, [("X-Inside", "hush")]) + b"hush 10.0.0.1")},
    )
    for method, target, headers, body in (
        ("GET", "/screen", [], None),
        ("GET", "/screen?view=x", [], None),
        ("GET", "/nowhere", [], None),
        ("DELETE", "/screen", [], None),
        ("GET", "/%zz", [], None),
        ("POST", "/post", [("Content-Type", "text/plain")], b"{}"),
        ("POST", "/post", [("Content-Type", "application/json")], b" " * (1 << 20) + b"{}"),
    ):
        answer = screen.request(method, target, headers, body)
        document = answer.json()
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"
        assert document["status"] == answer.status
        assert document["request_id"] == answer.header("x-request-id")
        assert {"type", "title", "detail", "reason"} <= document.keys()
        refuse_leaks(answer, screen.upstream, "hush")


WEIRD = """
from typing import Any

from pydantic import BaseModel, field_validator, model_serializer


class Weird(BaseModel):
    how: str

    @field_validator("how", mode="before")
    @classmethod
    def break_in_a_way_of_its_own(cls, value: Any) -> Any:
        match value:
            case "key":
                raise KeyError("hush")
            case "recursion":
                return cls.break_in_a_way_of_its_own(value)
            case "group":
                raise ExceptionGroup("hush", [OSError("hush")])
            case "unicode":
                return "\\ud800"
        return value

    @model_serializer
    def write(self) -> dict[str, Any]:
        if self.how == "serializer":
            raise LookupError("hush")
        return {"how": self.how}
"""


WEIRD_SERVICE = """
    base: {shop}
    operations: {get: {request: GET /x, returns: 'schemas.shop:Weird'}}
    """


@pytest.fixture
def weird(screens: Screens) -> Screen:
    return screens(
        {
            "whole": "{endpoint: GET /whole, steps: {it: {call: shop.get}}}",
            "read": """
                endpoint: GET /read
                steps: {it: {call: shop.get}}
                response: "${it || 'none'}"
                """,
        },
        {"/x": value_reply({"how": "good"})},
        schemas=WEIRD,
        services={"shop": WEIRD_SERVICE},
    )


@pytest.mark.parametrize("how", ["key", "recursion", "group", "unicode", "serializer"])
def test_schema_that_raises_whatever_it_likes_is_a_502_and_no_bug(weird: Screen, how: str) -> None:
    for target in ("/whole", "/read"):
        weird.let("/x", value_reply({"how": how}))
        answer = weird.get(target)
        assert (answer.status, answer.json()["reason"]) == (502, "invalid")
        assert b"hush" not in answer.body
        weird.let("/x", value_reply({"how": "good"}))
        assert weird.get(target).status == 200
