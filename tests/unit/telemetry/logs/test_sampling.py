"""Which requests have a line in the log, and how many each line stands for."""

import random

import pytest

from bff.engine.values.results import Degradation
from bff.telemetry.traces.sampling import ratio_sampler
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.sampling import Sampling

FAILURE = Degradation("user", "timeout", "http_response_timeout")
OK = Account("", "miss", "ok")


def traced(trace_id: str, *, is_trusted: bool = True) -> GatewayRequest:
    headers = [(b"traceparent", f"00-{trace_id}-{'1' * 16}-01".encode())]
    request = GatewayRequest("GET", "/a", "", headers)
    request.is_trusted = is_trusted
    return request


def random_ids(count: int) -> list[str]:
    dice = random.Random(1)
    return [f"{dice.getrandbits(128) or 1:032x}" for _ in range(count)]


def test_share_of_good_requests_has_lines_that_make_up_for_the_rest() -> None:
    sampling = Sampling(0.25)
    weights = [sampling.weight(traced(each), Reply(200, [])) for each in random_ids(4000)]
    assert set(weights) == {0.0, 4.0}
    assert sum(weights) == pytest.approx(4000, rel=0.1)


def test_decision_is_the_traces_and_a_greater_share_has_all_of_a_lesser_one() -> None:
    ids = random_ids(500)
    kept = [
        {each for each in ids if ratio_sampler(ratio)(each.encode())} for ratio in (0, 0.1, 0.5, 1)
    ]
    assert kept[0] == set() < kept[1] < kept[2] < kept[3] == set(ids)
    assert [Sampling(0.1).weight(traced(each), Reply(200, [])) > 0 for each in ids] == [
        each in kept[1] for each in ids
    ]


def test_trace_that_begins_here_decides_also_once_calls_have_it() -> None:
    sampling, samples = Sampling(0.5), ratio_sampler(0.5)
    asked = [GatewayRequest("GET", "/a", "", []) for _ in range(100)]
    calls_have = [each.trace for each in asked[50:]]
    assert len(calls_have) == 50
    assert [sampling.weight(each, Reply(200, [])) > 0 for each in asked] == [
        samples(each.trace_id) for each in asked
    ]


@pytest.mark.parametrize("trace_id", ["0" * 31 + "1", "f" * 32], ids=["of all", "of none"])
def test_stranger_that_names_its_trace_decides_nothing_by_it(trace_id: str) -> None:
    """Nor by `X-Request-ID`, which is the trace's id where it can be one."""
    sampling = Sampling(0.5)
    by_id = [(b"x-request-id", trace_id.encode())]
    for asked in (
        [traced(trace_id, is_trusted=False) for _ in range(100)],
        [GatewayRequest("GET", "/a", "", by_id) for _ in range(100)],
    ):
        assert {sampling.weight(each, Reply(200, [])) for each in asked} == {0.0, 2.0}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, []),
        Reply(404, []),
        Reply(499, []),
        Reply(503, []),
        Reply(200, [], facts={"bff.broken": "client left"}),
        Reply(200, [], account=Account("", "hit", "degraded", (), (FAILURE,))),
        Reply(200, [], account=Account("", "stale_if_error", "ok", (), (FAILURE,))),
    ],
    ids=["400", "404", "499", "503", "broken", "degraded", "stale for an error"],
)
def test_what_somebody_may_look_into_is_always_written(reply: Reply) -> None:
    assert Sampling(0.0).weight(traced("a" * 32), reply) == 1.0


def test_slow_request_is_always_written_and_a_long_websocket_is_not() -> None:
    request = traced("a" * 32)
    request.started_at -= 2
    reply = Reply(200, [], account=OK)
    assert Sampling(0.0, slow_seconds=1.0).weight(request, reply) == 1.0
    assert Sampling(0.0, slow_seconds=3.0).weight(request, reply) == 0.0
    assert Sampling(0.0, slow_seconds=0.0).weight(request, reply) == 0.0
    assert Sampling(0.0, slow_seconds=1.0).weight(request, Reply(101, [])) == 0.0


def test_whole_share_writes_every_request() -> None:
    assert Sampling(1.0).weight(traced("f" * 32), Reply(200, [])) == 1.0
