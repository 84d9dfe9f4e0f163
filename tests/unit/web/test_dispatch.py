"""The one path from a request to its reply, over a scripted transport."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bff.deadline import Deadline
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.identity.ports import Anonymous, CallerRequest, Identity, Refusal
from bff.plan.model.access import Access
from bff.web.http.refusals import refused
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import IDENTIFY_SECONDS, AccessControl
from bff.web.serving.pending import Pending, PendingCall, after_admission
from tests.support.fake_time import run_in_fake_time
from tests.support.gateway.scripted_gateway import ANN, HOST, Gateway, Script
from tests.support.telemetry.log_lines import of


def header(reply: Reply, name: bytes) -> bytes | None:
    return dict(reply.all_headers).get(name)


def at_work(
    folder: Path, test: Callable[[Gateway], Awaitable[None]], script: Script = lambda _: ANN
) -> None:
    """Run the test with a gateway, on the loop that the gateway was made on."""

    async def main() -> None:
        await test(Gateway(folder, script))

    asyncio.run(main())


@pytest.mark.parametrize("target", ["/home/1", "/cached/1", "/raw/x"])
def test_bug_is_a_problem_for_the_client_and_a_traceback_in_the_log(
    tmp_path: Path, target: str
) -> None:
    def bug(_: ServiceCall) -> UpstreamReply:
        raise ZeroDivisionError("secret-of-the-house")

    async def test(gateway: Gateway) -> None:
        reply = await gateway.get(target, (b"x-request-id", b"the-bug"))
        assert isinstance(reply.body, bytes)
        document = json.loads(reply.body)
        assert (reply.status, document["reason"], document["request_id"]) == (500, "bug", "the-bug")
        assert b"secret" not in reply.body
        assert b"Traceback" not in reply.body
        (line,) = gateway.lines()
        assert line["event.dataset"] == "bff.bug"
        assert (line["log.level"], line["http.request.id"]) == ("error", "the-bug")
        assert "ZeroDivisionError: secret-of-the-house" in line["error.stack_trace"]

    at_work(tmp_path, test, bug)


def test_bug_in_a_route_is_a_problem_for_a_host_of_callbacks_too(tmp_path: Path) -> None:
    """Whether it is met when the call begins, or when it answers."""

    async def test(gateway: Gateway) -> None:
        for what in ("begin", "answer"):
            request = GatewayRequest("GET", "/raw/x", "", [HOST])
            pending = gateway.dispatcher.begin(request)
            assert isinstance(pending, PendingCall)
            if what == "begin":
                request.headers = None  # type: ignore[assignment]
            answered = asyncio.get_running_loop().create_future()
            pending.begin(answered.set_result)
            reply = await answered
            assert isinstance(reply, Reply)
            assert reply.status == 500
        assert [line["event.dataset"] for line in gateway.lines()] == ["bff.bug", "bff.bug"]

    def bug(_: ServiceCall) -> UpstreamReply:
        raise ZeroDivisionError

    at_work(tmp_path, test, bug)


def test_bug_in_one_request_leaves_the_next_one_alone(tmp_path: Path) -> None:
    answers: list[Any] = [None, ANN]

    def script(_: ServiceCall) -> UpstreamReply:
        answer: UpstreamReply = answers.pop(0)
        return answer

    async def test(gateway: Gateway) -> None:
        first, second = await gateway.get("/cached/1"), await gateway.get("/cached/1")
        assert (first.status, second.status) == (500, 200)
        assert header(second, b"cache-status") == b"bff; fwd=miss; stored; ttl=30"

    at_work(tmp_path, test, script)


def test_hit_counts_down_and_ends_with_the_ttl(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        heard = []
        for seconds_later in (0.0, 0.0, 10.5, 19.4, 0.1):
            gateway.now += seconds_later
            heard.append(header(await gateway.get("/cached/1"), b"cache-status"))
        assert heard == [
            b"bff; fwd=miss; stored; ttl=30",
            b"bff; hit; ttl=30",
            b"bff; hit; ttl=20",
            b"bff; hit; ttl=1",
            b"bff; fwd=miss; stored; ttl=30",
        ]
        assert gateway.transport.calls == 2

    at_work(tmp_path, test)


def test_two_who_ask_at_once_share_one_run(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        first, second = await asyncio.gather(gateway.get("/cached/1"), gateway.get("/cached/1"))
        assert gateway.transport.calls == 1
        assert first.body == second.body
        assert header(first, b"cache-status") == b"bff; fwd=miss; stored; ttl=30"
        assert header(second, b"cache-status") == b"bff; fwd=miss; collapsed; stored; ttl=30"

    at_work(tmp_path, test)


def test_lines_that_were_asked_do_not_pile_up(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        for number in range(5000):
            assert (await gateway.get(f"/cached/1?n={number}")).status == 200
        assert 0 < len(gateway.dispatcher._lines) <= 4096

    at_work(tmp_path, test)


def test_hits_differ_where_a_header_param_does(tmp_path: Path) -> None:
    """What a target came to is remembered only where the target says everything."""

    async def test(gateway: Gateway) -> None:
        bodies = [
            (await gateway.get("/tagged", (b"x-tenant", tenant))).body
            for tenant in (b"a", b"b", b"a", b"b")
        ]
        assert bodies[0] == bodies[2] != bodies[1] == bodies[3] == b'{"user":null}'

    at_work(tmp_path, test)


def test_finishing_a_reply_leaves_the_cached_headers_alone(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        for _ in range(3):
            reply = await gateway.get("/cached/1", (b"x-request-id", b"id"))
            ids = [value for name, value in reply.all_headers if name == b"x-request-id"]
            assert ids == [b"id"]

    at_work(tmp_path, test)


def test_only_what_reads_may_be_abandoned(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        dispatcher = gateway.dispatcher
        for method, target, may_be in (
            ("GET", "/home/1", True),
            ("GET", "/cached/1", True),
            ("POST", "/raw/x", True),
            ("POST", "/told/x", False),  # what it makes out of date is purged when it is through
            ("GET", "/told/x", True),
            ("POST", "/buy", False),
        ):
            begun = dispatcher.begin(GatewayRequest(method, target, "", [HOST]))
            assert isinstance(begun, Pending)
            assert begun.may_be_abandoned is may_be

    at_work(tmp_path, test)


def test_heavy_params_that_wait_for_the_thread_until_the_deadline_are_504(tmp_path: Path) -> None:
    """The thread is at another request's work all the while."""

    async def test(gateway: Gateway) -> None:
        began, gate = threading.Event(), threading.Event()

        def block() -> None:
            began.set()
            assert gate.wait(10)

        share = gateway.heavy_work.share(Deadline.after(10.0, asyncio.get_running_loop().time))
        blocking = asyncio.create_task(share.run(block))
        await asyncio.to_thread(began.wait, 10)
        try:
            reply = await gateway.post("/bulk", json.dumps({"ids": [1] * 50_000}).encode())
        finally:
            gate.set()
            await blocking
            gateway.heavy_work.close()
        assert isinstance(reply.body, bytes)
        assert (reply.status, json.loads(reply.body)["reason"]) == (504, "deadline")
        assert gateway.transport.calls == 0

    at_work(tmp_path, test)


def test_refusal_after_an_admission_that_waited_has_one_audit_line(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        request = GatewayRequest("GET", "/home/1", "", [HOST])

        async def admit() -> Identity:
            return Identity("ann")

        async def refuse() -> Reply:
            return refused(request, Refusal(403, "wrong_role", "No."))

        def pending(work: Callable[[], Awaitable[Reply]]) -> Pending:
            return Pending(
                gateway.dispatcher, request, work, reads_body=False, may_be_abandoned=True
            )

        await pending(lambda: after_admission(admit(), lambda _: pending(refuse))).reply()
        assert [each["event.action"] for each in of("audit", gateway.lines())] == ["refusal"]

    at_work(tmp_path, test)


class Silent(Anonymous):
    """A provider that never comes to an end."""

    def identify(self, request: CallerRequest) -> Awaitable[Identity]:  # type: ignore[override]
        return asyncio.get_running_loop().create_future()


def test_caller_whom_nobody_identifies_in_time_is_503_and_not_admitted() -> None:
    async def test() -> None:
        guard = AccessControl(Silent()).guard(Access("public"), depends_on_caller=True)
        admission = guard.admit(GatewayRequest("GET", "/home/1", "", [HOST]))
        assert isinstance(admission, Awaitable)
        began_at = asyncio.get_running_loop().time()
        reply = await admission
        assert asyncio.get_running_loop().time() - began_at <= IDENTIFY_SECONDS
        assert isinstance(reply, Reply)
        assert (reply.status, header(reply, b"retry-after")) == (503, b"5")

    run_in_fake_time(test())
