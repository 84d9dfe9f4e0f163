"""The demo, run as its users run it; and the parts of it that only show when something fails."""

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import flask
import httpx
import pytest
from rich.console import Console

from examples.demo.__main__ import play
from examples.demo.callers import log_in, log_out, take_token
from examples.demo.processes import DemoFailed, DemoServers, running_demo
from examples.demo.show import ACTS, Act
from tests.support.docs.shown_exchanges import ask, assert_as_shown, exchange_of
from tests.support.gateway.hosts import Host

REPOSITORY = Path(__file__).parents[3]
DEMO = [sys.executable, "-m", "examples.demo"]


def demo(*options: str, project: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """`make demo`, to its end."""
    return subprocess.run(
        [*DEMO, "--project", str(project), *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
    )


def addresses_in(output: str) -> list[tuple[str, int]]:
    """Every address that the demo named as its own."""
    found = set(re.findall(r"http://(?:127\.0\.0\.1|localhost):(\d+)", output))
    return [("127.0.0.1", int(port)) for port in sorted(found)]


def is_listening(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


# ------------------------------------------------------------------------------------- the show


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What `make demo ARGS=--once` printed when it succeeded, and the picture it made."""
    picture = tmp_path_factory.mktemp("picture") / "demo.svg"
    ended = demo("--once", "--picture", str(picture))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout, picture


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.composition}-{act.broken}")
def test_every_act_is_shown_with_its_request(shown: tuple[str, Path], act: Act) -> None:
    output, _ = shown
    assert act.title in output
    assert f"{act.method} {act.target}" in output


def test_each_screen_comes_from_the_cache_the_second_time(shown: tuple[str, Path]) -> None:
    output, _ = shown
    assert output.count("Cache-Status: bff; hit") == sum(act.cached for act in ACTS)


def test_the_payload_and_the_mobile_view_are_measured_beside_the_upstream_replies(
    shown: tuple[str, Path],
) -> None:
    output, _ = shown
    sizes = [
        float(size)
        for size in re.findall(r"(?:upstream replies|payload|view mobile).* (\S+) kB", output)
    ]
    upstream, payload, mobile = sizes[:3]  # of the home screen
    assert upstream > payload > mobile > 0


def test_a_failing_service_is_named_and_the_rest_of_the_screen_is_there(
    shown: tuple[str, Path],
) -> None:
    output, _ = shown
    assert re.search(r"Proxy-Status: .*orders", output)


def test_every_kind_of_caller_is_shown_with_what_came_of_it(shown: tuple[str, Path]) -> None:
    output, _ = shown
    _, _, table = output.partition("Who may ask")
    for who, status in (
        ("nobody", 401),
        ("jana, logged in", 200),
        ("jana, another's", 403),
        ("partner, an API key, 5 ×", 200),
        ("partner, once too often", 429),
        ("jana, logged out", 401),
    ):
        assert re.search(rf"✓ +{who} .* {status} ", table), who


def test_show_ends_with_what_it_cost_by_the_gateway_s_own_numbers(shown: tuple[str, Path]) -> None:
    output, _ = shown
    _, _, cost = output.partition("What it cost")
    assert re.search(r"from the cache +[1-9]\d % of 25 requests", cost)
    assert re.search(r"slowest step +\S+, [1-9]\d* ms on average", cost)
    assert re.search(r"degraded by +.*home\.orders [1-9] ×", cost)


def test_nothing_of_the_demo_is_left_running(shown: tuple[str, Path]) -> None:
    output, _ = shown
    addresses = addresses_in(output)
    assert len(addresses) >= 7
    assert not [address for address in addresses if is_listening(address)]


def test_the_picture_is_an_svg_of_the_first_scene_that_fetches_nothing(
    shown: tuple[str, Path],
) -> None:
    _, picture = shown
    svg = picture.read_text("utf-8")
    assert svg.startswith("<svg")
    assert "recommended" in svg
    assert "@font-face" not in svg


# ------------------------------------------------------------------------------ staying up


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)]
)
def test_it_stays_up_until_a_signal_and_then_everything_ends(
    number: signal.Signals, status: int
) -> None:
    with (
        ExitStack() as stack,
        subprocess.Popen(
            DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line.decode()
            if "Ctrl-C" in output:
                break
        connections = [
            stack.enter_context(socket.create_connection(address, timeout=20))
            for address in addresses_in(output)
        ]
        process.send_signal(number)
        output += process.stdout.read().decode()
        assert process.wait(30) == status, output
        assert len(connections) == 7, output
        # A connection ends when its server does; waiting for that is waiting for the process.
        assert [connection.recv(1) for connection in connections] == [b""] * 7


# ------------------------------------------------------------------------------- who may ask


@pytest.fixture(scope="module")
def running() -> Iterator[DemoServers]:
    with running_demo(REPOSITORY, None, lambda name, address: None) as running:
        yield running


def test_exchanges_of_the_identity_page_are_as_it_shows_them(running: DemoServers) -> None:
    page = (REPOSITORY / "docs/identity.md").read_text("utf-8")
    known = {
        "$SESSION": log_in(running, "jana").cookie,
        "$TOKEN": take_token(running, "jana"),
        "$PARTNER_KEY": running.partner_key,
    }
    host = Host("http1", int(running.gateway.rpartition(":")[2]), flask.Flask("elsewhere"))
    blocks = re.findall(r"^```http\n(.*?)^```$", page, flags=re.M | re.S)
    assert len(blocks) > 8
    for block in blocks:
        for name, value in known.items():
            block = block.replace(name, value)
        shown = exchange_of(block)
        if shown.status == 429:  # what is left of the burst
            assert [ask(host, shown).status for _ in range(4)] == [200] * 4
        assert_as_shown(shown, ask(host, shown))


def test_logged_out_cookie_is_nobody(running: DemoServers) -> None:
    login = log_in(running, "jana")
    with httpx.Client(base_url=running.gateway, headers=login.headers, trust_env=False) as client:
        assert client.get("/bff/user").json()["claims"]["sub"] == "92"
        log_out(login)
        assert client.get("/bff/user").status_code == 401


# ---------------------------------------------------------------------------- what goes wrong


def test_service_killed_during_the_show_ends_it_and_is_named() -> None:
    with running_demo(REPOSITORY, None, lambda name, address: None) as running:
        os.kill(running.processes["orders"].pid, signal.SIGKILL)
        with pytest.raises(DemoFailed, match="orders"):
            play(running, Console(file=io.StringIO()))


def test_degraded_screen_is_a_failure_of_the_show(running: DemoServers) -> None:
    httpx.post(f"{running.services['users']}/_switch", json={"fail": 503})
    try:
        show, _ = play(running, Console(file=io.StringIO()))
    finally:
        httpx.post(f"{running.services['users']}/_switch", json={"fail": None})
    failures = [failure for result in show for failure in result.failures]
    assert any("/screens/home/92" in failure for failure in failures)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sample project and its services, to be broken."""
    for part in ("services", "schemas", "compositions", "examples"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    shutil.copy(REPOSITORY / "gateway.yaml", tmp_path)
    return tmp_path


def test_a_service_that_does_not_start_fails_the_demo_with_its_last_words(checkout: Path) -> None:
    (checkout / "examples" / "services" / "orders.py").write_text("raise RuntimeError('no luck')")
    ended = demo("--once", project=checkout)
    assert ended.returncode == 1
    assert "orders has ended" in ended.stderr
    assert "no luck" in ended.stderr


def test_a_broken_project_fails_the_demo_and_shows_its_problems(checkout: Path) -> None:
    home = checkout / "compositions" / "home.yaml"
    home.write_text(home.read_text().replace("users.get_user", "users.get_usr"))
    ended = demo("--once", project=checkout)
    assert ended.returncode == 1
    assert "get_usr" in ended.stderr
