"""Words of `bff call`: who is asked before a write, callers that it plays, words that are wrong."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway.called_shop import SECRET, Shop, called_shop, let
from tests.support.upstream.wire_scripts import json_reply


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with called_shop(tmp_path) as shop:
        yield shop


def test_composition_that_writes_is_not_called_where_nobody_can_be_asked(shop: Shop) -> None:
    result = shop.call("order", "--param", "user_id=1")
    assert (result.exit_code, shop.asked()) == (1, [])
    assert result.stderr == (
        "Error: order writes: shop.create_order (POST /orders)."
        " Nobody can be asked here: --yes calls it\n"
    )
    let(shop, "/orders", json_reply('{"id": 5, "total": 1, "items": []}'))
    result = shop.call("order", "--param", "user_id=1", "--yes")
    assert (result.exit_code, len(shop.asked())) == (0, 1)
    assert json.loads(result.stdout)["order"]["id"] == 5


@pytest.mark.parametrize(("answer", "calls"), [("y", 1), ("n", 0)])
def test_person_at_a_terminal_is_asked_before_a_write(shop: Shop, answer: str, calls: int) -> None:
    let(shop, "/orders", json_reply('{"id": 5, "total": 1, "items": []}'))
    terminal, typed = pty.openpty()
    words = ["call", "order", "--param", "user_id=1", "--project", str(shop.folder)]
    try:
        os.write(terminal, f"{answer}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "bff.cli", *words],
            stdin=typed,
            capture_output=True,
            env={**os.environ, "SHOP_KEY": SECRET},
            timeout=60,
        )
    finally:
        os.close(terminal)
        os.close(typed)
    assert (done.returncode == 0, len(shop.asked())) == (calls == 1, calls)
    assert b"order writes: shop.create_order (POST /orders). Call it?" in done.stderr


def test_words_that_name_nothing_are_errors_with_the_nearest_names(shop: Shop) -> None:
    wrong = {
        ("hom", "--param", "id=1"): "Error: unknown composition 'hom'.",
        ("home", "--param", "idd=1"): "Error: unknown param 'idd'. Known: id. Did you mean 'id'?\n"
        "missing param 'id': integer, --param id=…\n",
        ("home", "--param", "id"): "'id' is not NAME=VALUE.",
        ("home", "--param", "id=1", "--header", "hush"): "a header is 'NAME: VALUE'.",
        ("home", "--param", "id=all"): "with these params GET /home/all leads to 'home_all'",
        ("home", "--param", "id="): "with these params GET /home/ leads nowhere",
    }
    for words, message in wrong.items():
        result = shop.call(*words)
        assert (result.exit_code in (1, 2), result.stdout) == (True, "")
        assert message in result.stderr
        assert "hush" not in result.stderr
    assert shop.asked() == []


def test_missing_secret_and_bad_setting_are_reported_before_anything_is_called(shop: Shop) -> None:
    result = shop.call("home", "--param", "id=1", SHOP_KEY="")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "SHOP_KEY" in result.stderr
    result = shop.call("home", "--param", "id=1", BFF_TRANSPORT="pigeon")
    assert result.stderr.startswith("Error: BFF_TRANSPORT: must be one of")
    assert shop.asked() == []


OWN = """
endpoint: GET /own
access: {scopes: {all: [read]}}
steps: {user: {call: own.get_user, with: {id: 1}}}
"""


def test_call_plays_a_caller(shop: Shop) -> None:
    service = (shop.folder / "services/shop.yaml").read_text("utf-8")
    told = "auth: {relay: true}\ncaller_headers: {X-User: '${claims.sub}'}\n"
    (shop.folder / "services/own.yaml").write_text(service + told, "utf-8")
    (shop.folder / "compositions/own.yaml").write_text(OWN, "utf-8")
    assert shop.call("own").exit_code == 1
    claims = '{"sub": "ann", "scope": "read write"}'
    played = shop.call("own", "--claims", claims, "--token", "t0ken-of-ann")
    assert played.exit_code == 0, played.output
    (sent,) = shop.server.requests
    assert (sent.header("x-user"), sent.header("authorization")) == ("ann", "Bearer t0ken-of-ann")
    assert "t0ken-of-ann" not in played.output
    assert shop.call("own", "--claims", '{"sub": "ann"}', "--token", "t").exit_code == 1
    assert len(shop.server.requests) == 1


@pytest.mark.parametrize("claims", ["ann", "[]", '"ann"'])
def test_claims_that_are_no_object_are_refused(shop: Shop, claims: str) -> None:
    refused = shop.call("home_all", "--claims", claims)
    assert refused.exit_code == 1
    assert "--claims is no JSON object" in refused.output


def test_claims_of_another_type_are_refused_with_what_is_wrong_with_them(shop: Shop) -> None:
    model = "from pydantic import BaseModel\n\nclass Claims(BaseModel):\n    sub: str\n"
    (shop.folder / "schemas/auth.py").write_text(model, "utf-8")
    with (shop.folder / "gateway.yaml").open("a") as gateway:
        gateway.write("identity: {claims: schemas.auth:Claims}\n")
    refused = shop.call("home_all", "--claims", '{"name": "ann"}')
    assert "--claims are none of schemas.auth:Claims: sub: missing." in refused.output
