"""What a request counts under: addresses, callers, values; and what several limits do together."""

from typing import Any

import pytest

from bff.identity.ports import NOBODY, Identity
from bff.limits.ports import UNAVAILABLE, UNCOUNTED, Admitted, Exceeded, Verdict
from bff.plan.model.expressions import Template
from bff.plan.model.limits import Limit
from bff.plan.types import kinds as t
from bff.telemetry.metrics.definitions.limits import LIMIT_DECISIONS
from bff.telemetry.metrics.families import Metrics
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.limits import EndpointLimits, LimitControl, address_of
from tests.support.access.limits import limit
from tests.support.telemetry.counted import counted

ANN = Identity("key", {"tenant": "north"}, "ann", kind="token")
PARTNER = Identity("other key", {"tenant": ["no", "scalar"]}, "partner", kind="api_key")


class Recorder:
    """Admits everything but the keys that it has to refuse, and notes what it counts. It says
    `verdict` where one is given."""

    def __init__(self, *refused: str, verdict: Verdict | None = None) -> None:
        self.counted: list[str] = []
        self._refused = refused
        self._verdict = verdict

    def __len__(self) -> int:
        return 0

    def take(self, key: str) -> Verdict:
        if self._verdict is not None:
            return self._verdict
        if key in self._refused:
            return Exceeded(7)
        self.counted.append(key)
        return Admitted(1, 1)

    def used_up(self, key: str) -> Exceeded | None:
        return None

    def give_back(self, key: str) -> None:
        self.counted.remove(key)

    async def close(self) -> None:
        """Nothing."""


class Recorders:
    """A recorder for each limit, by its name."""

    def __init__(self, **recorders: Recorder) -> None:
        self._recorders = recorders

    def of(self, counted: Limit) -> Recorder:
        return self._recorders.setdefault(counted.name, Recorder())


def endpoint(
    *limits: Limit, metrics: Metrics | None = None, **recorders: Recorder
) -> EndpointLimits:
    meters: Any = Recorders(**recorders)
    made = LimitControl(meters, metrics or Metrics(), None).of(limits)
    assert made is not None
    return made


def request(host: str | None = "203.0.113.7") -> GatewayRequest:
    return GatewayRequest("GET", "/", "", [], client_host=host)


def key_of(by: str, caller: Identity, value: Any = None) -> list[str]:
    """What a request of the caller counts under."""
    recorder = Recorder()
    key = Template(lambda root: root["claims"]["tenant"] if value is None else value, t.ANYTHING)
    limits = endpoint(limit(name="only", by=by, key=key), only=recorder)
    assert limits.count_caller(request(), caller, {}) is None
    return recorder.counted


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "a:203.0.113.7"),
        ("::ffff:203.0.113.7", "a:203.0.113.7"),
        ("2001:db8:1:2:3::4", "a:20010db800010002/64"),
        ("2001:db8:1:2:ffff::1", "a:20010db800010002/64"),
        ("2001:db8:1:3::1", "a:20010db800010003/64"),
        ("fe80::1%eth0", "a:fe80000000000000/64"),
        (None, "a:None"),
        ("unix:", "a:unix:"),
    ],
)
def test_request_counts_under_its_address_of_ipv6_under_the_64(
    host: str | None, counted: str
) -> None:
    assert address_of(request(host)) == counted


def test_callers_count_by_subject_and_nobody_by_address() -> None:
    assert key_of("identity", ANN) == ["i:ann"]
    assert key_of("identity", NOBODY) == ["a:203.0.113.7"]
    assert key_of("api_key", PARTNER) == ["i:partner"]
    assert key_of("api_key", NOBODY) == ["a:203.0.113.7"]
    assert key_of("api_key", ANN) == []


def test_value_of_an_expression_counts_by_its_type_and_what_is_no_scalar_by_address() -> None:
    assert key_of("expression", ANN) == ["e:'north'"]
    assert key_of("expression", ANN, 1) == key_of("expression", ANN, 1.0) == ["e:1"]
    assert key_of("expression", ANN, "1") == ["e:'1'"]
    assert key_of("expression", PARTNER) == ["a:203.0.113.7"]
    (long,) = key_of("expression", ANN, "x" * 100_000)
    assert len(long) < 50


def test_a_refusal_takes_back_what_was_counted_at_the_same_time_and_no_more() -> None:
    first, second = Recorder(), Recorder("i:ann")
    by_address = Recorder()
    limits = endpoint(
        limit(name="address"),
        limit(name="first", by="identity"),
        limit(name="second", by="identity"),
        address=by_address,
        first=first,
        second=second,
    )
    asked = request()
    assert limits.count_address(asked) is None
    refusal = limits.count_caller(asked, ANN, {})
    assert isinstance(refusal, Reply)
    assert refusal.status == 429
    assert (by_address.counted, first.counted, second.counted) == (["a:203.0.113.7"], [], [])


def test_windows_are_asked_last_since_they_have_no_way_back() -> None:
    window, bucket = Recorder(), Recorder("i:ann")
    limits = endpoint(
        limit(name="window", by="identity", counting="sliding"),
        limit(name="bucket", by="identity"),
        window=window,
        bucket=bucket,
    )
    assert isinstance(limits.count_caller(request(), ANN, {}), Reply)
    assert window.counted == []


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [
        (Admitted(1, 1), "allowed"),
        (Exceeded(7), "refused"),
        (UNCOUNTED, "uncounted"),
        (UNAVAILABLE, "unavailable"),
    ],
)
def test_each_decision_is_counted_by_what_it_was(verdict: Verdict, decision: str) -> None:
    metrics = Metrics()
    limits = endpoint(limit(name="one"), metrics=metrics, one=Recorder(verdict=verdict))
    limits.count_address(request())
    assert {name: by for name, by in counted(metrics, LIMIT_DECISIONS).items() if by} == {
        f"{LIMIT_DECISIONS.name} limit=one decision={decision}": 1
    }


def test_wrong_credentials_are_counted_as_the_limit_of_them_decides() -> None:
    metrics, meters = Metrics(), Recorders(failed=Recorder("a:203.0.113.7"))
    failed_limit = limit(name="failed", by="failed_credentials")
    made: Any = meters
    failed = LimitControl(made, metrics, failed_limit).failed
    assert failed is not None
    for host in ("203.0.113.7", "203.0.113.8"):
        failed.count(request(host), Reply(401, []))
    name = f"{LIMIT_DECISIONS.name} limit=failed decision="
    assert {each: by for each, by in counted(metrics, LIMIT_DECISIONS).items() if by} == {
        f"{name}refused": 1, f"{name}allowed": 1,
    }  # fmt: skip
