"""Header texts that replies share, against the grammar of their RFCs."""

import pytest

from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    Degradation,
    StepTiming,
)
from bff.plan.model.service import Dropped
from bff.web.compositions.outcome_replies import run_account
from bff.web.http.replies import (
    server_timing,
    structured_string,
)
from bff.web.logs.accounts import account_fields


def test_string_of_a_header_holds_printable_ascii_with_quotes_escaped() -> None:
    assert structured_string('a"b\\c\r\né') == '"a\\"b\\\\c???"'


def test_server_timing_tells_steps_and_the_total_in_milliseconds() -> None:
    steps = [
        StepTiming("user", 0.1234, 12.0, 1, "ok"),
        StepTiming("orders", 12.5, 3.456, 2, "failed"),
        StepTiming("best", 0.0, 1.0, 1, "ok", Dropped(3, "0.price: missing")),
    ]
    assert server_timing(steps, 17.0) == (
        b'user;dur=12.00;start=0.12;desc="ok", orders;dur=3.46;start=12.50;desc="failed", '
        b'best;dur=1.00;start=0.00;desc="ok (3 dropped)", total;dur=17.00'
    )


def test_log_names_what_was_dropped_and_why_the_first_was() -> None:
    timing = StepTiming("best", 0.0, 1.0, 1, "ok", Dropped(3, "0.price: missing"))
    made = CompositionPayload(b"{}", {}, (), (timing,))
    account = run_account("", "miss", made, None)
    assert account_fields(account)["bff.dropped"] == ["best: 3, the first: 0.price: missing"]


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "refused"), (499, "refused"), (500, "failed"), (504, "failed")]
)
def test_outcome_of_a_run_without_a_payload_goes_by_the_status_of_its_reply(
    status: int, outcome: str
) -> None:
    failures = (Degradation("best", "status", "http_response_status", status),)
    made = CompositionFailure(status, "best", "status", "", "", None, failures, (), None)
    fields = account_fields(run_account("", "miss", made, None))
    assert (fields["bff.outcome"], fields["bff.failed"]) == (outcome, ["best:status"])


@pytest.mark.parametrize(("forwarded", "attempts"), [("miss", 2), ("miss; collapsed", None)])
def test_log_has_the_attempts_of_a_run_in_the_line_of_the_request_that_began_it(
    forwarded: str, attempts: int | None
) -> None:
    """So that those of all lines are together those that services got."""
    made = CompositionPayload(b"{}", {}, (), (StepTiming("best", 0.0, 1.0, 2, "ok"),))
    fields = account_fields(run_account("", forwarded, made, None))
    assert (fields.get("bff.attempts"), fields["bff.steps.ok"]) == (attempts, ["best"])
