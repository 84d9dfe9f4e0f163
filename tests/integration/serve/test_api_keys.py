"""API keys in `bff serve` with two workers: a revoked key is refused by both within a second."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_bytes

import pytest
from click.testing import CliRunner

from bff.cli import bff
from bff.cli.serving.checks import describe_or_exit
from bff.identity.api_keys.texts import new_key
from bff.settings import Settings
from tests.support.gateway.serving import Serve, gateways, on_linux, started
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.steady_clock import steady_seconds
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

# The tests ask again and again until a key is refused.
UNLIMITED = "limits: [{by: failed_credentials, rate: 100000/second}]"
CONNECTIONS = 16  # a worker takes some four more than the other at most

pytestmark = on_linux


@pytest.fixture
def upstream() -> Iterator[WireServer]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as starts:
        yield starts


def project(folder: Path, gateway: str, upstream: WireServer) -> None:
    write_project(
        folder,
        {"home": f"{HOME}access: {{roles: {{any: [partner]}}}}\n"},
        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
        gateway=f"{gateway}\n{UNLIMITED}",
    )


def keys(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(bff, ("keys", *words), env={"BFF_PROJECT": str(folder)})
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


class Callers:
    """Connections that stay open, so that each goes to the worker that it began with."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self._connections = [
            stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=20)))
            for _ in range(CONNECTIONS)
        ]

    def statuses(self, key: str) -> set[int]:
        found = set()
        for each in self._connections:
            each.request("GET", "/home/1", headers={"X-Api-Key": key})
            reply = each.getresponse()
            reply.read()
            found.add(reply.status)
        return found

    def wait_for(self, key: str, status: int) -> float:
        """Until all workers answer so; the seconds that it took."""
        began = steady_seconds()
        while self.statuses(key) != {status}:
            assert steady_seconds() - began < 10, "not in time"
        return steady_seconds() - began


def test_key_in_a_file_is_known_and_revoked_in_each_worker_within_a_second(
    tmp_path: Path, serve: Serve, upstream: WireServer
) -> None:
    project(tmp_path, "identity: {api_keys: {file: keys.json}}", upstream)
    with ExitStack() as stack:
        callers = Callers(started(serve).port, stack)
        old = keys(tmp_path, "add", "--id", "a", "--role", "partner")
        assert callers.wait_for(old, 200) < 1
        new = keys(tmp_path, "rotate", "a")
        assert callers.wait_for(new, 200) < 1
        assert callers.statuses(old) == {200}
        keys(tmp_path, "revoke", "a")
        took = callers.wait_for(new, 401)
        print(f"revoked in every worker after {took:.2f} s")
        assert took < 1
        assert callers.statuses(old) == {401}


def test_key_in_redis_is_revoked_in_each_worker_within_a_second_and_holds_without_redis(
    tmp_path: Path, serve: Serve, upstream: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, "identity: {api_keys: {redis: true}}\ncache: {namespace: shop}", upstream)
    with RedisServer() as redis, ExitStack() as stack:
        monkeypatch.setenv("BFF_REDIS_URL", redis.url)
        callers = Callers(started(serve).port, stack)
        kept = keys(tmp_path, "add", "--id", "kept", "--role", "partner")
        gone = keys(tmp_path, "add", "--id", "gone", "--role", "partner")
        callers.wait_for(gone, 200)
        keys(tmp_path, "revoke", "gone")
        took = callers.wait_for(gone, 401)
        print(f"revoked in every worker after {took:.2f} s")
        assert took < 1
        redis.stop()
        callers.wait_for(new_key(token_bytes), 503)
        assert callers.statuses(kept) == {200}
        assert callers.statuses(gone) == {401}


def test_gateway_does_not_start_with_keys_in_a_redis_that_would_forget_them(
    tmp_path: Path, upstream: WireServer, capfd: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, "identity: {api_keys: {redis: true}}\ncache: {namespace: shop}", upstream)
    with pytest.raises(SystemExit) as ended:
        describe_or_exit(Settings(project=tmp_path))
    assert ended.value.code == 1
    assert "identity.api_keys: keys are kept in the Redis of BFF_REDIS_URL: set it." in (
        capfd.readouterr().err
    )
    url = "redis://127.0.0.1:1"
    assert describe_or_exit(Settings(project=tmp_path, redis_url=url)) == "1 composition"
