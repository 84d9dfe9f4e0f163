"""However the bytes of requests come in pieces, on one connection or on two at once, the same
replies go out, and the app behind sees the same."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.settings import Settings
from bff.web.gateway import Gateway, load_gateway
from tests.integration.raw_requests import bodies, heads
from tests.integration.raw_requests.rows import LAST, Row
from tests.support.gateway.http1 import Arrival, Seen, exchange
from tests.support.projects import write_project

SHORT_ROWS = [row for row in (*heads.ROWS, *bodies.ROWS) if len(row.sent) < 1200]

Outcome = tuple[list[bytes], list[Seen]]
Run = Callable[[Sequence[Arrival], bool], list[Outcome]]

# A composition that answers each request at once: none has the header.
REFUSED = """
    endpoint: GET /refused/{text}
    params:
      text: {type: string, max_length: 5}
      number: {type: integer, default: 1}
      x-never: {in: header, pattern: "^never$", type: string}
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    fields: {max: 5}
    """
TARGETS = [
    *(
        b"/raw/x",
        b"/refused/a",
        b"/refused/%00",
        b"/refused/%ff",
        b"/refused/a?number=",
        b"*",
        b"/",
    ),
    *(
        b"/refused/a?view=%",
        b"/refused/a?fields=user.,&fields=",
        b"/refused//a",
        b"/refused/%2e%2E",
    ),
]

rows = st.lists(st.sampled_from(SHORT_ROWS), min_size=1, max_size=4)
cuts = st.lists(st.integers(0, 4000), max_size=12)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Brings pieces to connections; for each the statuses of its replies, and what the app behind
    saw of it."""
    settings = Settings(log_level="error", cache_memory_bytes=0)
    folder = write_project(tmp_path_factory.mktemp("shop"), {"refused": REFUSED})
    gateway = load_gateway(folder, settings)
    with asyncio.Runner() as runner:
        runner.run(_open(gateway))

        def run(arrivals: Sequence[Arrival], breathes: bool) -> list[Outcome]:
            found = runner.run(exchange(gateway, arrivals, breathes=breathes))
            return [
                (re.findall(rb"HTTP/1\.1 ([2-9]\d\d) ", written), seen) for written, seen in found
            ]

        yield run
        runner.run(gateway.close())


async def _open(gateway: Gateway) -> None:
    await gateway.open()


def alone(run: Run, data: bytes, pieces: Sequence[bytes], breathes: bool) -> Outcome:
    """What comes of these pieces of `data` on a connection that is alone."""
    assert b"".join(pieces) == data
    (outcome,) = run([(0, piece) for piece in pieces], breathes)
    return outcome


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The data, cut at these places."""
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(places)]


def damaged(data: bytes, at: int, put: bytes, dropped: int) -> bytes:
    """The data with some bytes in the place of others."""
    at %= len(data)
    return data[:at] + put + data[at + dropped :]


@pytest.mark.parametrize("breathes", [True, False])
@pytest.mark.parametrize("row", SHORT_ROWS, ids=[row.name for row in SHORT_ROWS])
def test_bytes_that_come_one_by_one_are_read_as_those_that_come_together(
    run: Run, row: Row, breathes: bool
) -> None:
    data = row.sent + LAST
    together = alone(run, data, [data], breathes)
    assert together[0]
    assert alone(run, data, [bytes([byte]) for byte in data], breathes) == together


@pytest.mark.parametrize("row", SHORT_ROWS, ids=[row.name for row in SHORT_ROWS])
def test_message_that_is_cut_once_at_any_byte_is_read_as_a_whole_one(run: Run, row: Row) -> None:
    data = row.sent + LAST
    together = alone(run, data, [data], False)
    for cut in range(1, len(row.sent)):
        assert alone(run, data, [data[:cut], data[cut:]], False) == together, cut


@given(rows=rows, cuts=cuts, breathes=st.booleans())
def test_messages_that_are_cut_anywhere_are_read_as_those_that_come_together(
    run: Run, rows: list[Row], cuts: list[int], breathes: bool
) -> None:
    data = b"".join(row.sent for row in rows) + LAST
    assert alone(run, data, pieces_of(data, cuts), breathes) == alone(run, data, [data], breathes)


@given(rows=rows, others=rows, cuts=cuts, turns=st.lists(st.integers(0, 1), max_size=24))
def test_connections_that_take_turns_are_read_as_each_alone(
    run: Run, rows: list[Row], others: list[Row], cuts: list[int], turns: list[int]
) -> None:
    both = [b"".join(row.sent for row in each) + LAST for each in (rows, others)]
    left = [list(reversed(pieces_of(data, cuts))) for data in both]
    arrivals = [(turn, left[turn].pop()) for turn in turns if left[turn]]
    arrivals += [(which, piece) for which in (0, 1) for piece in reversed(left[which])]
    apart = [alone(run, data, [data], True) for data in both]
    assert run(arrivals, True) == apart


damage = {
    "at": st.integers(0, 4000),
    "put": st.binary(max_size=4)
    | st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" "]),
    "dropped": st.integers(0, 4),
}


@given(rows=rows, cuts=cuts, **damage)
def test_damaged_bytes_are_read_in_one_way_and_get_no_500(
    run: Run, rows: list[Row], cuts: list[int], at: int, put: bytes, dropped: int
) -> None:
    data = damaged(b"".join(row.sent for row in rows), at, put, dropped) + LAST
    outcome = alone(run, data, [data], True)
    assert alone(run, data, pieces_of(data, cuts), True) == outcome
    assert not {b"500", b"502", b"504"} & set(outcome[0])


@given(rows=rows, target=st.sampled_from(TARGETS), cuts=cuts, **damage)
def test_damaged_requests_that_the_gateway_answers_get_no_500(
    run: Run, rows: list[Row], target: bytes, cuts: list[int], at: int, put: bytes, dropped: int
) -> None:
    """It may answer before a body is there, so the places of cuts may change what it answers."""
    sent = b"".join(row.sent for row in rows).replace(b"/raw/x", target)
    data = damaged(sent, at, put, dropped) + LAST
    statuses, _ = alone(run, data, pieces_of(data, cuts), True)
    assert not {b"500", b"502", b"504"} & set(statuses)
