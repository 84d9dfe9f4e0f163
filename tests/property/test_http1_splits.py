"""However the bytes of requests come in pieces, the same replies go out."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.settings import Settings
from bff.web.gateway import Gateway, load_gateway
from tests.integration.raw_requests import bodies, heads
from tests.integration.raw_requests.rows import LAST, Row
from tests.support.http1 import Seen, exchange
from tests.support.projects import write_project

SHORT_ROWS = [row for row in (*heads.ROWS, *bodies.ROWS) if len(row.sent) < 1200]

Outcome = tuple[list[bytes], list[Seen]]
Run = Callable[[Iterable[bytes], bool], Outcome]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Brings pieces to a connection; the statuses of its replies, and what the app behind saw."""
    settings = Settings(log_level="error", cache_memory_bytes=0)
    gateway = load_gateway(write_project(tmp_path_factory.mktemp("shop")), settings)
    with asyncio.Runner() as runner:
        runner.run(_open(gateway))

        def run(pieces: Iterable[bytes], breathes: bool) -> Outcome:
            written, seen = runner.run(exchange(gateway, pieces, breathes=breathes))
            return re.findall(rb"HTTP/1\.1 ([2-9]\d\d) ", written), seen

        yield run
        runner.run(gateway.close())


async def _open(gateway: Gateway) -> None:
    await gateway.open()


@pytest.mark.parametrize("breathes", [True, False])
@pytest.mark.parametrize("row", SHORT_ROWS, ids=[row.name for row in SHORT_ROWS])
def test_bytes_that_come_one_by_one_are_read_as_those_that_come_together(
    run: Run, row: Row, breathes: bool
) -> None:
    data = row.sent + LAST
    together = run([data], breathes)
    assert together[0]
    assert run([bytes([byte]) for byte in data], breathes) == together


@given(
    rows=st.lists(st.sampled_from(SHORT_ROWS), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    breathes=st.booleans(),
)
def test_messages_that_are_cut_anywhere_are_read_as_those_that_come_together(
    run: Run, rows: list[Row], cuts: list[int], breathes: bool
) -> None:
    data = b"".join(row.sent for row in rows) + LAST
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    assert run(pieces, breathes) == run([data], breathes)


@given(
    row=st.sampled_from(SHORT_ROWS),
    at=st.integers(0, 1199),
    put=st.binary(max_size=4),
    dropped=st.integers(0, 4),
)
def test_bytes_that_are_damaged_get_no_500(
    run: Run, row: Row, at: int, put: bytes, dropped: int
) -> None:
    at %= len(row.sent)
    data = row.sent[:at] + put + row.sent[at + dropped :] + LAST
    statuses, _ = run([data], True)
    assert all(status not in (b"500", b"502", b"504") for status in statuses)
