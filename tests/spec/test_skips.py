"""Steps that are not called: by `when`, by a null input, by an input that failed."""

import pytest

from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.upstream.wire_scripts import reply

WARNINGS = "response: {value: '${%s}', warnings: '${degraded}'}"


def test_when_goes_by_the_truth_of_jmespath_and_a_skip_is_a_complete_null(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          loose: {call: shop.look}
          user: {call: shop.get_user, with: {id: 1}, when: '${loose.value}'}
        response: {user: '${user.firstName}', warnings: '${degraded}'}
        """,
        {"/users/1": user()},
    )
    truths, others = (True, 1, 0, "text", [0]), (False, None, "", [], {})
    for value, called in [*((each, True) for each in truths), *((each, False) for each in others)]:
        before = len(screen.calls())
        screen.let("/look", value_reply({"value": value}))
        answer = screen.get()
        assert answer.json() == {"user": "Ann" if called else None, "warnings": []}
        assert answer.header("proxy-status") is None
        assert len(screen.calls()) == before + 1 + called


def test_when_may_be_a_block_of_several_lines(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {id: {type: integer}}
        steps:
          user:
            call: shop.get_user
            with: {id: 1}
            when: |
              ${
                params.id > `1`
                && params.id < `9`
              }
        """,
        {"/users/1": user()},
    )
    assert screen.get("/screen?id=1").json() == {"user": None}
    assert screen.get("/screen?id=2").json()["user"]["firstName"] == "Ann"


def test_skip_goes_on_through_the_steps_that_need_its_value_and_stays_complete(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {wanted: {type: boolean}}
        steps:
          user: {call: shop.get_user, with: {id: 1}, when: '${params.wanted}'}
          product: {call: shop.get_product, with: {id: '${user.id}'}}
          bestsellers: {call: shop.list_bestsellers, after: product}
        response: {product: '${product}', best: '${bestsellers}', warnings: '${degraded}'}
        """,
        {"/bestsellers": value_reply([])},
    )
    answer = screen.get("/screen?wanted=false")
    assert answer.json() == {"product": None, "best": [], "warnings": []}
    assert screen.calls() == ["GET /bestsellers"]


def test_when_over_a_failed_step_makes_the_skip_degraded(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, on_failure: optional}
          best: {call: shop.list_bestsellers, when: '${user.id}'}
        """
        + "\n        "
        + WARNINGS % "best",
        {"/users/1": reply(500)},
    )
    assert screen.get().json() == {
        "value": None,
        "warnings": [
            {"step": "user", "reason": "status"},
            {"step": "best", "reason": "input_failed"},
        ],
    }


def test_null_for_an_optional_query_or_header_param_leaves_it_out(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params:
          text: {type: string, required: false}
          X-Tenant: {in: header, type: string, required: false}
        steps:
          look:
            call: shop.look
            with: {text: '${params.text}', X-Tenant: '${params."X-Tenant"}', whole: 1}
        """,
        {"/look": value_reply({"value": 1})},
    )
    assert screen.get().status == 200
    assert screen.calls() == ["GET /look?whole=1"]
    assert screen.upstream.requests[0].header("x-tenant") is None


@pytest.mark.parametrize(
    ("operation", "value"), [("list_products", None), ("list_by_ids", [])], ids=["object", "list"]
)
def test_empty_list_for_a_required_param_skips_the_step_complete(
    screens: Screens, operation: str, value: object
) -> None:
    """The step is an empty list where it returns lists, and else null, for each element too."""
    screen = screens(
        f"""
        endpoint: GET /screen
        steps:
          loose: {{call: shop.look}}
          once: {{call: shop.{operation}, with: {{ids: '${{loose.value}}'}}}}
          each:
            call: shop.{operation}
            for_each: {{over: '[${{loose.value}}]', as: ids, max: 3}}
            with: {{ids: '${{ids}}'}}
        response: {{once: '${{once}}', each: '${{each}}', warnings: '${{degraded}}'}}
        """.replace("'[${loose.value}]'", "'${[loose.value]}'"),
        {"/look": value_reply({"value": []})},
    )
    answer = screen.get()
    assert (answer.status, answer.json()) == (200, {"once": value, "each": [value], "warnings": []})
    assert screen.calls() == ["GET /look"]


def test_what_no_list_is_can_not_be_iterated_over(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          loose: {call: shop.look}
          each:
            call: shop.get_product
            for_each: {over: '${loose.value}', as: id, max: 3}
            with: {id: '${id}'}
        """,
        {"/look": value_reply({"value": {"a": 1}})},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["step"]) == (502, "each")
