"""What an exchange with an instance counts as: by the project's words, and a few of HTTP's."""

import pytest

from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.telemetry.metrics.definitions.services import BROKEN_BODIES, SERVICE_CALLS
from bff.telemetry.metrics.families import MOST_SERIES, Metrics
from bff.upstream.call_counts import CallCounts
from bff.upstream.observed import Answer, ObservedCall
from bff.upstream.ports import UpstreamStream, server_at

SERVER = server_at("http://user:secret@shop.internal:8080/v2")
SHOP = ("shop", "shop.internal", "8080")


def observed(answer: Answer | None, method: str = "GET", seconds: float = 0.06) -> ObservedCall:
    return ObservedCall(SERVER, ServiceCall("shop", method, "/secret"), 1.0, 1.0 + seconds, answer)


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (UpstreamReply(200, (), b""), "200", ""),
        (UpstreamReply(304, (), b""), "304", ""),
        (UpstreamReply(404, (), b""), "404", "404"),
        (UpstreamReply(503, (), b""), "503", "503"),
        (UpstreamReply(471, (), b""), "400", "400"),
        (UpstreamReply(799, (), b""), "_OTHER", "_OTHER"),
        (UpstreamStream(206, (), b""), "206", ""),
        (Failed(Reason.REFUSED, was_sent=False), "", "refused"),
        (Failed(Reason.TOO_LARGE, status=200), "200", "too_large"),
        (Failed(Reason.TOO_LARGE, status=503), "503", "too_large"),
        (RuntimeError("a bug"), "", "bug"),
        (None, "", "cancelled"),
    ],
)
def test_exchange_counts_once_by_its_status_and_what_went_wrong(
    answer: Answer | None, status: str, error: str
) -> None:
    metrics = Metrics()
    CallCounts(metrics).observe(observed(answer))
    ((labels, cell),) = metrics.histogram(SERVICE_CALLS).series.items()
    assert labels == (*SHOP, "GET", status, error)
    assert cell[SERVICE_CALLS.bounds.index(0.075)] == 1
    assert sum(cell[:-1]) == 1
    assert cell[-1] == pytest.approx(0.06)


def test_methods_that_http_does_not_have_are_one_series() -> None:
    metrics = Metrics()
    counts = CallCounts(metrics)
    for number in range(MOST_SERIES + 1):
        counts.observe(observed(UpstreamReply(200, (), b""), method=f"M{number}"))
    ((labels, cell),) = metrics.histogram(SERVICE_CALLS).series.items()
    assert labels == (*SHOP, "_OTHER", "200", "")
    assert sum(cell[:-1]) == MOST_SERIES + 1


def test_body_that_breaks_off_counts_by_its_reason() -> None:
    metrics = Metrics()
    call = ServiceCall("shop", "GET", "/x")
    CallCounts(metrics).observe_break(SERVER, call, Failed(Reason.INCOMPLETE))
    assert metrics.counter(BROKEN_BODIES).series == {(*SHOP, "incomplete"): [1]}
