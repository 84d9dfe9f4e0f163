"""Exchanges of callers' tokens: one each, until shortly before its end, bounded; whose a refusal
is.

The calls themselves are in `tests/spec/test_exchanged_tokens.py`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any
from urllib.parse import parse_qs

import pytest

from bff.engine.answers import Handle
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.identity.ports import NOBODY, Identity
from bff.plan.model.service import TokenRequest
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.exchange import (
    MOST_TOKENS,
    ExchangedTokens,
    exchanged,
    judge_refusal,
)
from tests.support.identity.token_servers import ScriptedServer

REQUEST = TokenRequest(
    "https://login.test/token", Secret("Basic c2hvcDpo"), "", "orders", "https://orders.test"
)


class Exchanges:
    """Exchanges over a scripted server, at a time that the test sets; `sent` is what calls had."""

    def __init__(self) -> None:
        self.server = ScriptedServer()
        self.now = 100.0
        self.tokens = ExchangedTokens(
            "shop", REQUEST, self.server, 2.0, lambda: self.now, Complaints()
        )
        self.sent: list[bytes] = []
        self.answers: list[Any] = []
        self._way = exchanged(self._wire, self.tokens)

    def _wire(self, call: ServiceCall, _: float, on_answer: Callable[[Any], None]) -> Handle:
        self.sent += [value for name, value in call.headers if name == b"authorization"]
        return asyncio.get_running_loop().call_soon(on_answer, UpstreamReply(200, (), b""))

    async def call(self, caller: Identity | None) -> None:
        own = (b"authorization", b"Bearer of-the-client")
        call = ServiceCall("shop", "GET", "/me", (own,), caller=caller)
        self._way(call, 1.0, self.answers.append)
        await asyncio.sleep(0)

    def subjects(self) -> list[str]:
        """The tokens that were handed in, in order."""
        bodies = [call.body for call in self.server.calls]
        return [parse_qs(each.decode())["subject_token"][0] for each in bodies if each]  # type: ignore[union-attr]


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


def having(token: str) -> Identity:
    return Identity("key of " + token, token=Secret(token))


@on_loop
async def test_token_is_used_until_shortly_before_its_end_and_renewed_ahead_of_it() -> None:
    exchanges = Exchanges()
    await exchanges.call(having("ann"))
    exchanges.server.give("one", expires_in=100)
    exchanges.now += 79
    await exchanges.call(having("ann"))
    assert exchanges.subjects() == ["ann"]
    exchanges.now += 2  # a fifth of its life is left
    await exchanges.call(having("ann"))
    assert exchanges.subjects() == ["ann", "ann"]
    exchanges.server.give("two", expires_in=100)
    await exchanges.call(having("ann"))
    assert exchanges.sent == [b"Bearer one"] * 3 + [b"Bearer two"]
    exchanges.now += 96
    await exchanges.call(having("ann"))
    assert len(exchanges.sent) == 4  # waits for another


@on_loop
async def test_what_one_token_was_exchanged_for_goes_out_with_no_other() -> None:
    exchanges = Exchanges()
    for name in ("ann", "bo"):
        await exchanges.call(having(name))
        exchanges.server.give(f"for-{name}")
    for name in ("bo", "ann", "bo"):
        await exchanges.call(having(name))
    assert exchanges.sent == [
        b"Bearer for-%b" % name for name in (b"ann", b"bo", b"bo", b"ann", b"bo")
    ]
    assert exchanges.subjects() == ["ann", "bo"]


@on_loop
async def test_tokens_that_were_not_used_for_longest_are_forgotten() -> None:
    exchanges = Exchanges()
    first = exchanges.tokens.of("token-0")
    second = exchanges.tokens.of("token-1")
    for number in range(2, MOST_TOKENS):
        exchanges.tokens.of(f"token-{number}")
    assert exchanges.tokens.of("token-0") is first
    exchanges.tokens.of("one more")
    assert len(exchanges.tokens) == MOST_TOKENS
    assert exchanges.tokens.of("token-0") is first
    assert exchanges.tokens.of("token-1") is not second


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (None, 401),
        (NOBODY, 401),
        (Identity(token=Secret("of-nobody")), 401),
        (Identity("partner"), 403),
        (having(""), 403),
        (having("a b"), 403),
        (having("a\r\nX-User: root"), 403),
        (having("ä"), 403),
        (having("x" * 20_000), 403),
    ],
)
@on_loop
async def test_caller_without_a_token_that_can_be_sent_is_refused_before_anything_is(
    caller: Identity | None, status: int
) -> None:
    exchanges = Exchanges()
    await exchanges.call(caller)
    (failed,) = exchanges.answers
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.reported_status) == (Reason.NO_CALLER_TOKEN, status)
    assert not failed.was_sent
    assert exchanges.server.calls == exchanges.sent == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"error": "invalid_grant"}', 401),
        (400, b'{"error": "invalid_request"}', 401),
        (401, b'{"error": "invalid_token"}', 401),
        (400, b'{"error": "invalid_target"}', 403),
        (400, b'{"error": "invalid_scope"}', 403),
        (403, b'{"error": "access_denied"}', 403),
        (401, b'{"error": "invalid_client"}', None),
        (400, b'{"error": "unauthorized_client"}', None),
        (400, b'{"error": "unsupported_grant_type"}', None),
        (401, b"", None),
        (404, b"<html>", None),
        (400, b'["invalid_grant"]', None),
        (400, b'{"error": ["invalid_grant"]}', None),
        (400, b"[" * 10_000, None),
        (500, b'{"error": "invalid_grant"}', None),
        (302, b'{"error": "invalid_grant"}', None),
    ],
)
def test_refusal_of_the_callers_token_is_the_callers_and_any_other_the_gateways(
    status: int, body: bytes, expected: int | None
) -> None:
    failed = judge_refusal(UpstreamReply(status, (), body))
    assert failed.reported_status == expected
    assert (failed.credential == "caller") == (expected is not None)
    assert failed.reason is (Reason.NO_TOKEN if expected is None else Reason.CALLER_REFUSED)
    assert (failed.challenge is not None) == (expected == 401)
