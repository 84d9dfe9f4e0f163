"""A table of raw replies, well-formed and not: what a client of our own server gets of each, by a
composition and by a route."""

from collections.abc import Iterator

import httpx
import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Reason
from bff.upstream.ports import Transport
from tests.support.gateway.hosts import Answer, Host, serving
from tests.support.projects import write_project
from tests.support.upstream.raw_replies import ROWS, Whole
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import fetched, run
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import then_close

SERVICE = """
base: BASE
operations:
  look:
    request: GET /{number}
    params: {number: {type: integer}}
    returns: schemas.raw:Anything
"""
SCHEMAS = """
from typing import Any
from pydantic import RootModel

class Anything(RootModel[Any]): ...
"""
COMPOSITION = """
endpoint: GET /c/{number}
params: {number: {type: integer}}
steps:
  look:
    call: raw.look
    with: {number: '${params.number}'}
    statuses: {204: null, 304: null}
"""

GETS = [number for number, row in enumerate(ROWS) if row.method == "GET"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    scripts = {f"/{number}": then_close(row.data) for number, row in enumerate(ROWS)}
    with WireServer(scripts) as upstream:
        folder = write_project(
            tmp_path_factory.mktemp("raw"),
            {"c": COMPOSITION},
            services={"raw": SERVICE.replace("BASE", upstream.url)},
            schemas={"raw": SCHEMAS},
            gateway="routes: {/raw: {service: raw}}\n",
        )
        with serving("http1", folder) as host:
            yield host


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.mark.parametrize("number", GETS, ids=[ROWS[number].name for number in GETS])
def test_composition_takes_a_whole_reply_and_says_how_another_failed(
    host: Host, number: int
) -> None:
    answer = host.get(f"/c/{number}")
    match ROWS[number].expected:
        case Whole(200 | 205, b"12"):
            assert (answer.status, answer.json()) == (200, {"look": 12})
        case Whole(204 | 304, b""):
            assert (answer.status, answer.json()) == (200, {"look": None})
        case Whole(999):
            assert word_of(answer) == "status"
        case Whole():
            assert word_of(answer) == "invalid"
        case reason:
            assert word_of(answer) == reason.word


def word_of(answer: Answer) -> str:
    """The reason why the step failed."""
    assert answer.status == 502
    return (answer.header("proxy-status") or "").split('details="look: ')[1].rstrip('"')


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.name for row in ROWS])
def test_route_passes_a_whole_reply_and_never_another_as_one(
    host: Host, client: httpx.Client, number: int
) -> None:
    """Another is a 502, or breaks off where a part of its body has gone out."""
    row = ROWS[number]
    answer = answer_to(client, row.method, f"{host.url}/raw/{number}")
    if isinstance(row.expected, Whole):
        assert answer is not None
        assert (answer.status_code, answer.content) == row.expected[:2]
    elif answer is not None:
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/problem+json"
    else:
        assert row.expected in (Reason.INCOMPLETE, Reason.PROTOCOL)
        assert b"\r\n\r\n" in row.data  # its head was whole


def answer_to(client: httpx.Client, method: str, url: str) -> httpx.Response | None:
    """The whole reply, or None where it breaks off."""
    try:
        return client.request(method, url)
    except httpx.TransportError:
        return None


# What httpx's parser takes of the table, whole and as it is meant, though the standard lets one
# refuse it.
TAKEN_BY_HTTPX = {
    "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "DEL in a value", "a hundred and one headers", "bare LF",
    "bare LF after a header", "blank after a chunk size", "chunked in 1.0",
    "control in a chunk extension", "control in a value", "folded line", "folded with a tab",
    "length in a trailer", "length twice", "list of lengths", "long name", "long value",
    "nine before",
}  # fmt: skip


def test_portable_transport_takes_more_of_the_table_and_nothing_that_is_not_whole() -> None:
    async def scenario(transport: Transport) -> set[str]:
        taken = set()
        for row in ROWS:
            with WireServer(then_close(row.data)) as server:
                request = UpstreamRequest(row.method, server.url + "/")
                outcome = await fetched(transport, request, timeout_seconds=5, byte_cap=9)
            if isinstance(row.expected, Whole):
                assert isinstance(outcome, UpstreamReply), row.name
                assert (outcome.status, outcome.body) == row.expected[:2]
            elif isinstance(outcome, UpstreamReply):
                assert (outcome.status, outcome.body in (b"12", b"")) == (200, True)
                taken.add(row.name)
        return taken

    assert run("httpx", scenario) == TAKEN_BY_HTTPX


def test_table_is_as_long_as_it_was_meant_to_be() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 80
    assert sum(isinstance(row.expected, Reason) for row in ROWS) >= 80
