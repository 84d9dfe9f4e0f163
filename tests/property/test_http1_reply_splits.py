"""However the bytes of replies come in pieces, whole or damaged, they come to the same."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_http1_splits import damaged, pieces_of
from tests.support.upstream.raw_replies import ROWS, Row, Whole
from tests.unit.upstream.test_http1_replies import outcome

SHORT_ROWS = [row for row in ROWS if 0 < len(row.data) < 1200]


@given(
    row=st.sampled_from(SHORT_ROWS),
    at=st.integers(0, 1199),
    put=st.binary(max_size=4) | st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" "]),
    dropped=st.integers(0, 4),
    cuts=st.lists(st.integers(0, 1199), max_size=12),
)
def test_damaged_replies_that_are_cut_anywhere_are_read_as_those_that_come_together(
    row: Row, at: int, put: bytes, dropped: int, cuts: Sequence[int]
) -> None:
    data = damaged(row.data, at, put, dropped)
    spoilt = Row(row.name, data, Whole(200), row.method)
    assert outcome(spoilt, pieces_of(data, cuts)) == outcome(spoilt, [data])
