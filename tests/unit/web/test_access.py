"""What a condition of an access admits: boolean true, and nothing else that a claim may hold."""

from typing import Any

import pytest

from bff.identity.ports import Anonymous, Identity
from bff.plan.model.access import Access
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import Guard
from tests.support.plan.templates import expression


def permitted(condition: str, claims: dict[str, Any], params: dict[str, Any]) -> bool:
    guard = Guard(Access("authenticated", when=expression(condition)), Anonymous())
    request = GatewayRequest("GET", "/", "", [])
    permission = guard.permit(request, Identity("key", claims), params)
    assert permission is None or (isinstance(permission, Reply) and permission.status == 403)
    return permission is None


def test_true_admits() -> None:
    assert permitted("claims.vip", {"vip": True}, {})
    assert permitted("claims.sub == params.user", {"sub": "ann"}, {"user": "ann"})


@pytest.mark.parametrize(
    "value", [False, None, 1, 1.0, "true", "yes", ["yes"], [True], {"vip": True}, 0, "", [], {}]
)
def test_value_that_is_not_boolean_true_admits_nobody(value: Any) -> None:
    assert not permitted("claims.vip", {"vip": value}, {})


def test_claim_that_is_absent_admits_nobody() -> None:
    assert not permitted("claims.vip", {}, {})


@pytest.mark.parametrize("condition", ["length(claims.n) > `0`", "claims.n / claims.zero > `1`"])
def test_condition_that_fails_admits_nobody(condition: str) -> None:
    assert not permitted(condition, {"n": 1, "zero": 0}, {})
