"""API keys, in every host: who brings one is its caller, and nobody else is."""

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bff.identity.api_keys.changes import add_key
from bff.identity.api_keys.records import KeyTable, utc, write_table
from bff.identity.api_keys.texts import digest_of, new_key
from bff.plan.compiler.project import check_project
from tests.support.cache.answers import is_hit
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.projects import write_project

GATEWAY = """
identity: {{claims: 'schemas.shop:Claims', api_keys: {{header: X-Api-Key, file: {file}}}}}
"""
SCHEMAS = """
from pydantic import BaseModel, Field


class Claims(BaseModel):
    tenant: str


class User(BaseModel):
    id: int
    first_name: str


class Order(BaseModel):
    id: int


class OrderPage(BaseModel):
    orders: list[Order]


class ProductPage(BaseModel):
    products: list[Order]


class Product(BaseModel):
    id: int


class Loose(BaseModel):
    value: int | None = None
"""
SCREENS = {
    "mine": """
        endpoint: GET /screen
        access: {roles: {any: [partner]}}
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response: {tenant: '${claims.tenant}', user: '${user.first_name}'}
        cache: {ttl: 5m}
        """,
    "scoped": """
        endpoint: GET /scoped
        access: {scopes: {all: [orders.read]}}
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        """,
}


def key_file(path: Path, **callers: dict[str, Any]) -> dict[str, str]:
    """A file with a key for each caller; the keys."""
    table, keys = KeyTable(), {}
    now = utc(time.time())
    for id, options in callers.items():
        keys[id] = new_key(secrets.token_bytes)
        all_options: dict[str, Any] = {
            "roles": ["partner"], "scopes": [], "claims": {"tenant": id}, "life": None, **options,
        }  # fmt: skip
        table = add_key(table, id, digest_of(keys[id]), now=now, **all_options)
    path.write_bytes(write_table(table, "keys"))
    path.chmod(0o600)
    return keys


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return key_file(
        tmp_path / "keys.json",
        acme={"scopes": ["orders.read"]},
        bolt={},
        guest={"roles": []},
        odd={"claims": {}},
        late={"life": timedelta()},
    )


@pytest.fixture
def screen(screens: Screens, tmp_path: Path, keys: dict[str, str]) -> Screen:
    return screens(
        SCREENS, {"/users/1": user(1, "Ann")},
        gateway=GATEWAY.format(file=tmp_path / "keys.json"), schemas=SCHEMAS,
    )  # fmt: skip


def asked(screen: Screen, headers: Sequence[tuple[str, str]], target: str = "/screen") -> Answer:
    return screen.request("GET", target, headers)


def test_caller_is_whom_the_key_was_made_for_and_gets_no_payload_of_another(
    screen: Screen, keys: dict[str, str]
) -> None:
    for _ in range(2):
        for id in ("acme", "bolt"):
            answer = asked(screen, [("X-Api-Key", keys[id])])
            assert (answer.status, answer.json()) == (200, {"tenant": id, "user": "Ann"})
    assert is_hit(answer)
    assert asked(screen, [("x-API-key", keys["acme"])], "/scoped").status == 200
    refused = asked(screen, [("X-Api-Key", keys["bolt"])], "/scoped")
    assert (refused.status, refused.json()["reason"]) == (403, "insufficient_scope")
    refused = asked(screen, [("X-Api-Key", keys["guest"])])
    assert (refused.status, refused.json()["reason"]) == (403, "wrong_role")


def test_who_brings_no_good_key_is_refused_and_costs_no_call(
    screen: Screen, keys: dict[str, str]
) -> None:
    good = keys["acme"]
    wrong = {
        "nothing": [],
        "an empty key": [("X-Api-Key", "")],
        "a mistyped key": [("X-Api-Key", good[:-1] + ("a" if good[-1] != "a" else "b"))],
        "an unknown key": [("X-Api-Key", new_key(secrets.token_bytes))],
        "a key that expired": [("X-Api-Key", keys["late"])],
        "claims of another type": [("X-Api-Key", keys["odd"])],
        "a scheme before it": [("X-Api-Key", f"Bearer {good}")],
        "another header": [("X_Api_Key", good)],
        "the header of tokens": [("Authorization", f"Bearer {good}")],
        "a cookie": [("Cookie", f"X-Api-Key={good}")],
    }
    for case, headers in wrong.items():
        refused = asked(screen, headers)
        assert (case, refused.status) == (case, 401)
        assert refused.header("www-authenticate")
        assert good not in str(refused)
    assert asked(screen, [], f"/screen?X-Api-Key={good}").status == 401
    assert screen.calls() == []


def test_two_keys_in_one_request_are_refused_before_either_is_looked_at(
    screen: Screen, keys: dict[str, str]
) -> None:
    for other in (keys["acme"], keys["bolt"], "x"):
        refused = asked(screen, [("X-Api-Key", keys["acme"]), ("X-Api-Key", other)])
        assert (refused.status, refused.json()["reason"]) == (400, "invalid_request")
    assert screen.calls() == []


def test_param_that_is_the_header_of_keys_is_a_problem(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "screen": """
            endpoint: GET /screen
            params: {X-API-KEY: {in: header, name: X-Api-Key, type: string}}
            steps: {user: {call: shop.get_user, with: {id: 1}}}
            """.replace("X-API-KEY", "key")
        },
        gateway="identity: {api_keys: {file: keys.json}}",
    )
    (problem,) = check_project(tmp_path).problems
    assert str(problem).endswith(
        "params.key: 'x-api-key' brings the API keys of this gateway, which no step may have. Leave"
        " it out: what is known of the caller is in `claims`."
    )
