"""Batches of spans on their way to a collector: answers, retries, proxies, bounds."""

import asyncio
import gzip
import logging
from base64 import b64encode

import pytest
import trustme

from bff.errors import SettingsError
from bff.telemetry.traces.delivery import (
    Again,
    Answered,
    Delivered,
    Lost,
    decide,
    deliver,
)
from bff.telemetry.traces.delivery import Collector as Exporter
from bff.telemetry.traces.settings import TraceSettings
from tests.support.steady_clock import steady_seconds
from tests.support.upstream.tls_servers import tls_server
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import drip, flood, head, never, raw, reply

BOMB = gzip.compress(b"x" * 50_000_000)
OK = head(200, [("Content-Length", "0")])
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.mark.parametrize(
    ("answer", "attempt", "verdict"),
    [
        (Answered(200, b"", None), 1, Delivered(0, "")),
        (Answered(204, b"", None), 5, Delivered(0, "")),
        (Answered(200, b"not OTLP", None), 1, Delivered(0, "")),
        (Answered(503, b"", None), 1, Again(0.5, "it answered 503")),
        (Answered(502, b"", None), 2, Again(1.0, "it answered 502")),
        (Answered(504, b"", None), 4, Again(4.0, "it answered 504")),
        (Answered(429, b"", "7"), 1, Again(7.0, "it answered 429")),
        (Answered(429, b"", "1"), 4, Again(4.0, "it answered 429")),
        (Answered(429, b"", "999999999999"), 1, Again(30.0, "it answered 429")),
        (Answered(429, b"", "Wed, 21 Oct 2026 07:28:00 GMT"), 1, Again(0.5, "it answered 429")),
        (Answered(503, b"", "-7"), 1, Again(0.5, "it answered 503")),
        (Answered(0, b"", None, "ConnectError"), 1, Again(0.5, "ConnectError")),
        (Answered(0, b"", None, "ConnectError"), 5, Lost("unreachable", "ConnectError")),
        (Answered(503, b"", "1"), 5, Lost("unreachable", "it answered 503")),
        (Answered(400, b"", None), 1, Lost("refused", "it answered 400")),
        (Answered(401, b"", None), 1, Lost("refused", "it answered 401")),
        (Answered(500, b"", None), 1, Lost("refused", "it answered 500")),
        (Answered(307, b"", None), 1, Lost("refused", "it answered 307")),
    ],
)
def test_answer_decides_what_becomes_of_a_batch_as_otlp_says(
    answer: Answered, attempt: int, verdict: object
) -> None:
    assert decide(answer, attempt, dice=0.0) == verdict


def test_batch_is_sent_again_after_growing_pauses_until_it_is_taken() -> None:
    answers = [Answered(503, b"", None), Answered(429, b"", "3"), Answered(200, b"", None)]
    bodies, pauses = [], []

    def send(body: bytes) -> Answered:
        bodies.append(body)
        return answers[len(bodies) - 1]

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    assert deliver(send, b"batch", pause, dice=lambda: 0.99) == Delivered(0, "")
    assert bodies == [b"batch"] * 3
    assert pauses == [0.995, 3.0]


def test_batch_is_given_up_at_the_end_instead_of_being_waited_for() -> None:
    gone = Answered(0, b"", None, "ConnectError")
    assert deliver(lambda _: gone, b"", lambda _: True) == Lost("unreachable", "ConnectError")


@pytest.mark.parametrize(
    ("script", "seconds", "answered"),
    [
        (drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 90, 0.05), 0.3, (0, 0, "TimeoutError")),
        (drip(head(102), head(102) * 90, 0.05), 0.3, (0, 0, "TimeoutError")),
        (drip(head(200, [("Content-Length", "100")]), b"x" * 90, 0.05), 1.0, (200, -1, "")),
        (reply(200, [("Content-Encoding", "gzip")], BOMB), 5.0, (200, len(BOMB), "")),
        (flood(head(200, [("Content-Length", "1000000000")]), 10**9), 5.0, (200, -1, "")),
        (never(), 0.3, (0, 0, "TimeoutError")),
        (raw(OK), 5.0, (200, 0, "")),
    ],
    ids=["head drips", "preludes", "body drips", "bomb", "flood", "silence", "good"],
)  # fmt: skip
def test_exchange_with_a_collector_has_a_bound_in_time_and_in_bytes(
    script: Script, seconds: float, answered: tuple[int, int, str]
) -> None:
    """Whose byte now and then would have the thread wait for ever. -1: as much as came."""
    with WireServer(script) as wire:
        collector = Exporter(TraceSettings(wire.url, timeout_seconds=seconds))
        began = steady_seconds()
        status, body, _, trouble = collector.send(b"spans")
        assert steady_seconds() - began < 3
        assert (status, trouble) == (answered[0], answered[2])
        assert len(body) == answered[1] or (answered[1] == -1 and 0 < len(body) < 10**6)
        collector.close()


def test_secrets_of_the_endpoint_go_to_the_collector_and_into_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even where an app around the gateway has all of its libraries log."""
    with WireServer(raw(OK)) as wire, caplog.at_level(logging.DEBUG):
        address = wire.url.removeprefix("http://")
        collector = Exporter(TraceSettings(f"http://user:hunt%40er@{address}/in?key=hunter"))
        assert collector.send(b"spans").status == 200
        collector.close()
    (request,) = wire.requests
    assert request.target == "/in?key=hunter"
    assert request.header("authorization") == f"Basic {b64encode(b'user:hunt@er').decode()}"
    assert not [text for text in caplog.messages if "hunt" in text]


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("needs_none", ["127.0.0.1", "127.0.0.1:PORT", "x, 127.0.0.1"])
def test_proxy_of_the_environment_counts_but_for_hosts_that_need_none(
    environ: pytest.MonkeyPatch, needs_none: str
) -> None:
    with WireServer(raw(OK)) as proxy, WireServer(raw(OK)) as wire:
        environ.setenv("HTTP_PROXY", proxy.url)
        environ.setenv("NO_PROXY", needs_none.replace("PORT", wire.url.rpartition(":")[2]))
        for url in ("http://collector.example/v1/traces", f"{wire.url}/v1/traces"):
            collector = Exporter(TraceSettings(url))
            assert collector.send(b"spans").status == 200
            collector.close()
    assert [each.target for each in proxy.requests] == ["http://collector.example/v1/traces"]
    assert [each.target for each in wire.requests] == ["/v1/traces"]


def test_collector_without_a_good_certificate_is_told_by_the_systems_words() -> None:
    async def scene() -> str:
        async with tls_server(trustme.CA(), "collector.example") as server:
            return await asyncio.to_thread(trouble, f"https://127.0.0.1:{server.port}")

    def trouble(url: str) -> str:
        collector = Exporter(TraceSettings(f"{url}/v1/traces?key=hunter2"))
        try:
            return collector.send(b"spans").trouble
        finally:
            collector.close()

    said = asyncio.run(scene())
    assert said.startswith("ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED]")
    assert "hunter2" not in said


@pytest.mark.parametrize("proxy", ["socks5://hunter2", "hunter2://proxy", "http://hunter2:six"])
def test_proxy_that_cannot_be_used_is_refused_before_anything_is_sent(
    environ: pytest.MonkeyPatch, proxy: str
) -> None:
    environ.setenv("ALL_PROXY", proxy)
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY: must be an http://") as refused:
        Exporter(TraceSettings("https://collector.example/v1/traces"))
    assert "hunter2" not in str(refused.value)


def test_endpoint_that_is_no_address_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT: must be an http://"):
        Exporter(TraceSettings(f"https://collector.example/{'x' * 100_000}"))
