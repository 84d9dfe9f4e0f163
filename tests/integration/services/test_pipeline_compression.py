"""A service with `compression: on`: what is asked for, what is decoded, and what is refused."""

import asyncio
import gzip
import os
import weakref
import zlib
from functools import partial

import brotli
import pytest
import zstandard

from bff.engine.answers import Handle, OnAnswer, answer_to
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.steps.requests import FIXED_HEADERS
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Service
from bff.upstream.codings import PIECE_BYTES
from bff.upstream.pipeline.compression import (
    FREE_BYTES,
    MOST_AT_ONCE,
    MOST_RATIO,
    Decoding,
    decode_reply,
    decoded,
)
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.fake_time import run_in_fake_time
from tests.support.upstream.transports import NAMES, run
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import chunked, reply

every_transport = pytest.mark.parametrize("name", NAMES)

CAP = 1_000_000
TEXT = b'{"name": "charg\xc3\xa9e"}'
ENCODED = {
    "gzip": gzip.compress(TEXT),
    "GZip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.ZstdCompressor().compress(TEXT),
    "gzip, gzip": gzip.compress(gzip.compress(TEXT)),
    "br, gzip": gzip.compress(brotli.compress(TEXT)),
    "identity": TEXT,
}


def fetched(
    name: TransportName,
    script: Script,
    *,
    compression: bool = True,
    arriving: Budget | None = None,
    cap: int = CAP,
) -> tuple[UpstreamReply | Failed, str | None]:
    """The reply to a step's call, and the `Accept-Encoding` that the service got."""

    async def main(transport: Transport) -> UpstreamReply | Failed:
        service = Service("shop", (server.url,), 5.0, compression=compression)
        services = ServiceClient(transport, {"shop": service}, cap, asyncio.get_running_loop().time)
        call = ServiceCall("shop", "GET", "/", FIXED_HEADERS, None, arriving)
        return await answer_to(partial(services.fetch, call, 5.0))

    with WireServer(script) as server:
        outcome = run(name, main)
        (request,) = server.requests
        asked = [value for key, value in request.headers if key == "accept-encoding"]
        assert len(asked) == 1
        return outcome, asked[0]


def coded(coding: str, body: bytes, status: int = 200) -> Script:
    return reply(status, [("Content-Encoding", coding), ("X-Other", "stays")], body)


@every_transport
@pytest.mark.parametrize("coding", ENCODED)
def test_reply_is_decoded_and_looks_as_if_it_had_come_so(name: TransportName, coding: str) -> None:
    outcome, asked = fetched(name, coded(coding, ENCODED[coding]))
    assert asked == "gzip, deflate, br, zstd"
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.body == TEXT
    assert outcome.header(b"content-encoding") is None
    assert outcome.header(b"content-length") is None
    assert outcome.header(b"x-other") == "stays"


@every_transport
def test_reply_that_is_not_compressed_stays_as_it_came(name: TransportName) -> None:
    outcome, _ = fetched(name, reply(200, [], TEXT))
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.body == TEXT


@every_transport
def test_chunks_are_decoded_across_their_borders(name: TransportName) -> None:
    body = gzip.compress(TEXT)
    pieces = [body[at : at + 1] for at in range(len(body))]
    outcome, _ = fetched(name, chunked(pieces, headers=[("Content-Encoding", "gzip")]))
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.body == TEXT


@every_transport
def test_without_it_nothing_is_asked_for_and_nothing_decoded(name: TransportName) -> None:
    outcome, asked = fetched(name, coded("gzip", ENCODED["gzip"]), compression=False)
    assert asked == "identity"
    assert isinstance(outcome, UpstreamReply)
    assert (outcome.header(b"content-encoding"), outcome.body) == ("gzip", ENCODED["gzip"])


@pytest.mark.parametrize(
    ("coding", "body", "cause"),
    [
        ("gzip", TEXT, "incorrect header"),
        ("gzip", ENCODED["gzip"][:-8], "cut off"),
        ("gzip", ENCODED["gzip"] + b"\0\0\0", "data behind the end"),
        ("snappy", TEXT, "'snappy' was not asked for"),
        ("gzip, gzip, gzip", ENCODED["gzip"], "over 2 codings"),
    ],
    ids=["no gzip", "cut off", "surplus", "unknown", "three"],
)
def test_body_that_can_not_be_decoded_is_a_failure(coding: str, body: bytes, cause: str) -> None:
    outcome, _ = fetched("http1", coded(coding, body))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (Reason.ENCODED, 200)
    assert cause in outcome.detail


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_body_that_nobody_reads_is_not_decoded(status: int) -> None:
    outcome, _ = fetched("http1", coded("gzip", b"no gzip", status))
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.status == status


def with_ratio(ratio: int) -> tuple[bytes, bytes]:
    """A body, and its gzip, which is shorter by about so much: the file name in its head, which
    nobody reads, makes it as long."""
    body = b"x" * (CAP // 2)
    packed = gzip.compress(body)
    name = b"n" * (len(body) // ratio - len(packed))
    return body, b"\x1f\x8b\x08\x08" + bytes(6) + name + b"\0" + packed[10:]


@pytest.mark.parametrize(("ratio", "is_decoded"), [(MOST_RATIO - 2, True), (MOST_RATIO + 2, False)])
def test_body_is_at_most_a_hundred_times_as_long_as_what_came(ratio: int, is_decoded: bool) -> None:
    body, packed = with_ratio(ratio)
    outcome, _ = fetched("http1", coded("gzip", packed))
    if is_decoded:
        assert isinstance(outcome, UpstreamReply), outcome
        assert outcome.body == body
    else:
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.status) == (Reason.TOO_LARGE, 200)


def test_ratio_bounds_no_small_body() -> None:
    body = b" " * FREE_BYTES
    outcome, _ = fetched("http1", coded("gzip", gzip.compress(body)))
    assert isinstance(outcome, UpstreamReply), outcome
    assert outcome.body == body
    outcome, _ = fetched("http1", coded("gzip", gzip.compress(body + b" ")))
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("surplus", [0, 1])
def test_decoded_body_has_the_bound_of_every_reply(surplus: int) -> None:
    body = bytes(range(256)) * 200 + b"x" * surplus
    outcome, _ = fetched("http1", coded("gzip", gzip.compress(body)), cap=51_200)
    assert isinstance(outcome, Failed if surplus else UpstreamReply)


def test_decoded_bytes_are_taken_from_the_budget_of_the_run() -> None:
    body = bytes(range(256)) * 200
    packed = gzip.compress(body)
    budget = Budget(len(packed) + len(body), "replies")
    outcome, _ = fetched("http1", coded("gzip", packed), arriving=budget)
    assert isinstance(outcome, UpstreamReply), outcome
    assert budget.left == 0
    budget = Budget(len(packed) + len(body) - 1, "replies")
    outcome, _ = fetched("http1", coded("gzip", packed), arriving=budget)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TOO_LARGE


def test_event_loop_runs_between_the_pieces_of_a_large_body() -> None:
    body = os.urandom(1_000_000)
    turns = asyncio.run(turns_while_decoding(gzip.compress(body)))
    assert turns >= len(body) // PIECE_BYTES


async def turns_while_decoding(packed: bytes) -> int:
    decoding = asyncio.create_task(
        decode_reply(UpstreamReply(200, [], packed), b"gzip", Decoding(2_000_000), None)
    )
    turns = 0
    while not decoding.done():
        turns += 1
        await asyncio.sleep(0)
    assert isinstance(decoding.result(), UpstreamReply)
    return turns


def test_few_bodies_are_decoded_at_once_and_one_that_is_left_gives_its_place_back() -> None:
    async def main() -> None:
        decoding = Decoding(2_000_000)
        large = UpstreamReply(200, [], gzip.compress(os.urandom(1_000_000)))
        tasks = [
            asyncio.create_task(decode_reply(large, b"gzip", decoding, None))
            for _ in range(2 * MOST_AT_ONCE)
        ]
        await asyncio.sleep(0)
        assert decoding.places.locked()
        tasks[0].cancel()
        tasks[-1].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, UpstreamReply) for outcome in outcomes[1:-1])
        assert not decoding.places.locked()

    asyncio.run(main())


class Caller:
    """One that holds the handle of its call, as a step does."""

    def __init__(self, reply: UpstreamReply, answered: asyncio.Event) -> None:
        def send(
            base: str, call: ServiceCall, seconds: float, on_answer: OnAnswer[UpstreamReply]
        ) -> Handle:
            asyncio.get_running_loop().call_soon(on_answer, reply)
            return asyncio.get_running_loop().call_soon(str)  # a handle that holds nothing

        self.answered = answered
        call = ServiceCall("shop", "GET", "/")
        self.handle = decoded(send, Decoding(CAP))("http://shop.test", call, 5.0, self.take)

    def take(self, _: object) -> None:
        self.answered.set()


@pytest.mark.parametrize("coding", ["gzip", "identity", None])
def test_call_that_was_answered_is_in_no_cycle_with_its_caller(coding: str | None) -> None:
    headers = [] if coding is None else [(b"content-encoding", coding.encode())]

    async def call() -> None:
        answered = asyncio.Event()
        caller = Caller(UpstreamReply(200, headers, ENCODED[coding or "identity"]), answered)
        await answered.wait()
        left = weakref.ref(caller)
        del caller
        assert left() is None

    asyncio.run(call())


def test_wait_for_being_decoded_is_a_part_of_the_calls_time() -> None:
    async def main() -> None:
        decoding = Decoding(CAP)
        for _ in range(MOST_AT_ONCE):
            await decoding.places.acquire()
        packed = UpstreamReply(200, [(b"content-encoding", b"gzip")], ENCODED["gzip"])

        def send(
            base: str, call: ServiceCall, seconds: float, on_answer: OnAnswer[UpstreamReply]
        ) -> Handle:
            return asyncio.get_running_loop().call_soon(on_answer, packed)

        call = ServiceCall("shop", "GET", "/")
        outcome = await answer_to(partial(decoded(send, decoding), "http://shop.test", call, 1.0))
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, True)

    run_in_fake_time(main())
