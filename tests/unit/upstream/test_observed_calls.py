"""Every observer sees each exchange with an instance once, whatever came of it."""

from collections.abc import Callable

import pytest

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.upstream.observed import ObservedCall, ObservedTransport, Observers
from bff.upstream.ports import Instance, UpstreamStream, server_at

CALL = ServiceCall("shop", "GET", "/x")


class Held:
    """An instance whose exchanges wait for the test; it is the transport and the handle, too."""

    def __init__(self) -> None:
        self.on_answer: OnAnswer[UpstreamReply]

    def at(self, base: str, link: Link | None) -> Instance:
        return self

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        self.on_answer = on_answer
        return self

    def open(
        self, call: ServiceCall, on_answer: OnAnswer[UpstreamStream], *, timeout_seconds: float
    ) -> Handle:
        raise NotImplementedError

    def cancel(self) -> None:
        pass

    async def close(self) -> None:
        pass


def fetch(instance: Instance, seconds: float = 1.0) -> tuple[Handle, list[object]]:
    answers: list[object] = []
    handle = instance.fetch(CALL, answers.append, timeout_seconds=seconds, byte_cap=100)
    return handle, answers


@pytest.mark.parametrize(
    "answer", [UpstreamReply(200, (), b""), Failed(Reason.TIMEOUT), RuntimeError("a bug")]
)
def test_each_observer_sees_the_exchange_before_its_caller_has_the_answer(
    answer: UpstreamReply | Failed | Exception,
) -> None:
    held, first, second = Held(), list[ObservedCall](), list[ObservedCall]()
    clock: Callable[[], float] = iter((1.0, 3.5)).__next__
    transport = ObservedTransport(held, Observers((first.append, second.append)), clock)
    _, answers = fetch(transport.at("http://[::1]:8080/shop", None))
    assert first == []
    held.on_answer(answer)
    server = server_at("http://[::1]:8080/shop")
    assert first == second == [ObservedCall(server, CALL, 1.0, 3.5, answer)]
    assert answers == [answer]


@pytest.mark.parametrize(
    ("seconds", "after", "answer"),
    [
        (1.0, 0.5, None),
        (1.0, 0.96, Failed(Reason.DEADLINE)),
        (5.0, 4.95, Failed(Reason.DEADLINE)),
        (0.06, 0.02, None),
    ],
    ids=["left", "too late", "too late, of long", "begun late"],
)
def test_cancelled_exchange_is_seen_once_and_as_late_where_its_time_was_all_but_over(
    seconds: float, after: float, answer: Failed | None
) -> None:
    held, seen = Held(), list[ObservedCall]()
    clock: Callable[[], float] = iter((7.0, 7.0 + after, 7.0 + after)).__next__
    handle, answers = fetch(
        ObservedTransport(held, Observers((seen.append,)), clock).at("http://a", None), seconds
    )
    handle.cancel()
    handle.cancel()
    assert [each.answer for each in seen] == [answer]
    assert answers == []


@pytest.mark.parametrize(
    ("base", "host", "port"),
    [
        ("http://Shop.internal", "shop.internal", "80"),
        ("https://shop.internal/v2", "shop.internal", "443"),
        ("http://name:secret@shop:81", "shop", "81"),
        ("http://[2001:db8::1]:8080", "2001:db8::1", "8080"),
        ("http://shop:99999", "", ""),
        ("shop", "", "80"),
    ],
)
def test_server_is_a_host_and_a_port_without_credentials(base: str, host: str, port: str) -> None:
    server = server_at(base)
    assert (server.host, server.port) == (host, port)
