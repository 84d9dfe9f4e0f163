"""Header texts that replies share, against the grammar of their RFCs."""

import pytest

from bff.engine.values.results import StepTiming
from bff.web.http.replies import (
    entity_tag,
    names_tag,
    proxy_status,
    server_timing,
    structured_string,
)


def test_entity_tag_is_strong_and_of_the_bytes_alone() -> None:
    tag = entity_tag(b"{}")
    assert tag == entity_tag(b"{}") != entity_tag(b"{ }")
    assert tag.startswith(b'"')
    assert tag.endswith(b'"')


@pytest.mark.parametrize(
    ("if_none_match", "named"),
    [
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"x", W/"abc" ,"y"', True),
        (b"*", True),
        (b" * ", True),
        (b'"ab"', False),
        (b'"abc', False),
        (b"abc", False),
        (b'"a,b", "x"', False),
        (b"", False),
    ],
)
def test_if_none_match_is_compared_weakly_with_each_of_its_tags(
    if_none_match: bytes, named: bool
) -> None:
    assert names_tag(if_none_match, b'"abc"') is named


def test_proxy_status_has_a_member_for_each_failed_step() -> None:
    failures = [
        ("orders", "status", "http_request_error", 503),
        ("products", "deadline", "http_response_timeout", None),
    ]
    assert proxy_status(failures) == (
        b'bff; error=http_request_error; received-status=503; details="orders: status", '
        b'bff; error=http_response_timeout; details="products: deadline"'
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
