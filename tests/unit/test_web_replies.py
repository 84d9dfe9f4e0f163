"""Header texts that replies share, against the grammar of their RFCs."""

from bff.engine.values.results import StepTiming
from bff.web.http.replies import (
    server_timing,
    structured_string,
)


def test_string_of_a_header_holds_printable_ascii_with_quotes_escaped() -> None:
    assert structured_string('a"b\\c\r\né') == '"a\\"b\\\\c???"'


def test_server_timing_tells_steps_and_the_total_in_milliseconds() -> None:
    steps = [
        StepTiming("user", 0.1234, 12.0, 1, "ok"),
        StepTiming("orders", 12.5, 3.456, 2, "failed"),
    ]
    assert server_timing(steps, 17.0) == (
        b'user;dur=12.00;start=0.12;desc="ok", orders;dur=3.46;start=12.50;desc="failed", '
        b"total;dur=17.00"
    )
