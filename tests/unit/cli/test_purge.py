"""`bff purge` where nothing can be purged: it says why, and what is to be done."""

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.ports import free_port
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import json_reply, reply

TOKEN = "0123456789abcdef0123"
NAMES = ("BFF_REDIS_URL", "REDIS_URL", "BFF_ADMIN_TOKEN", "BFF_HOST", "BFF_PORT")


def purge(*tags: str, **environ: str) -> Result:
    result = CliRunner().invoke(bff, ["purge", *tags], env=dict.fromkeys(NAMES) | environ)
    assert TOKEN not in result.output
    return result


def test_without_redis_and_token_it_names_both() -> None:
    result = purge("a")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "BFF_REDIS_URL" in result.stderr
    assert "BFF_ADMIN_TOKEN" in result.stderr


def test_without_a_tag_it_purges_nothing() -> None:
    result = purge()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "TAG…" in result.stderr


def test_bad_setting_is_reported_by_its_name() -> None:
    result = purge("a", BFF_ADMIN_TOKEN="short")
    assert result.exit_code == 1
    assert "BFF_ADMIN_TOKEN: must be 16 characters or more" in result.stderr


@pytest.mark.parametrize("name", ["BFF_REDIS_URL", "REDIS_URL"])
def test_redis_that_is_not_there_is_reported(name: str) -> None:
    result = purge("a", **{name: f"redis://:hunter2@127.0.0.1:{free_port()}"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing was purged: " in result.stderr
    assert "hunter2" not in result.stderr


def test_gateway_that_is_not_there_is_reported_with_its_address() -> None:
    port = str(free_port())
    result = purge("a", BFF_PORT=port, BFF_ADMIN_TOKEN=TOKEN)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no answer from http://127.0.0.1:{port}/admin/purge" in result.stderr


@pytest.mark.parametrize(
    "script", [json_reply("{}"), json_reply("[]", 401), reply(200, [], b"<html>"), reply(500)]
)
def test_what_is_no_gateway_is_reported(script: Script) -> None:
    with WireServer(script) as server:
        port = server.url.rpartition(":")[2]
        result = purge("a", BFF_PORT=port, BFF_ADMIN_TOKEN=TOKEN)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is no bff with an admin token" in result.stderr


def test_problem_of_the_gateway_is_passed_on() -> None:
    with WireServer(json_reply('{"detail": "Redis does not answer now."}', 503)) as server:
        port = server.url.rpartition(":")[2]
        result = purge("a", "b", BFF_PORT=port, BFF_ADMIN_TOKEN=TOKEN)
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/admin/purge")
    assert (request.header("authorization"), request.body) == (
        f"Bearer {TOKEN}",
        b'{"tags":["a","b"]}',
    )
    assert result.exit_code == 1
    assert "Redis does not answer now." in result.stderr
