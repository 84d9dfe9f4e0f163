"""Tokens of the gateway's own: what a reply may hold, and when a token is asked for."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from bff.engine.answers import Handle
from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import TokenRequest
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.tokens import (
    HOLD_SECONDS,
    LONGEST_LIFE_SECONDS,
    REPLY_BYTES,
    BadTokenReply,
    Token,
    TokenSource,
    client_credentials,
    read_token,
)
from tests.support.identity.token_servers import ScriptedServer, said

REQUEST = TokenRequest(
    "https://login.test:8443/oauth/token?tenant=a", Secret("Basic c2hvcDpo"), "a b", "shop api"
)
CALL = client_credentials("shop", REQUEST)


def header_of(token: Token) -> bytes:
    ((name, value),) = token.headers.to(())
    assert name == b"authorization"
    return value


@pytest.mark.parametrize(
    ("members", "renewed_after", "ends_after"),
    [
        ({"expires_in": 3600}, 3540, 3595),
        ({"expires_in": 100}, 80, 95),
        ({"expires_in": "100"}, 80, 95),
        ({"expires_in": 0.5}, 0.4, 0.475),
        ({"expires_in": None}, 240, 295),
        ({}, 240, 295),
        ({"expires_in": 10**12}, LONGEST_LIFE_SECONDS - 60, LONGEST_LIFE_SECONDS - 5),
        ({"expires_in": 10**400}, LONGEST_LIFE_SECONDS - 60, LONGEST_LIFE_SECONDS - 5),
        ({"token_type": "bearer", "expires_in": 100, "scope": "a"}, 80, 95),
    ],
)
def test_token_is_renewed_ahead_of_its_end(
    members: dict[str, Any], renewed_after: float, ends_after: float
) -> None:
    token = read_token(said(**members), 1000.0)
    assert header_of(token) == b"Bearer t0ken"
    assert token.renew_at == pytest.approx(1000 + renewed_after)
    assert token.ends_at == pytest.approx(1000 + ends_after)
    assert "t0ken" not in repr(token)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "no JSON"),
        (b"<html>canary</html>", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'["canary"]', "no object"),
        (b'{"error": "canary"}', "no access_token"),
        (said(access_token="canary\r\nX: y"), "no access_token"),
        (said(access_token=""), "no access_token"),
        (said(access_token=7), "no access_token"),
        (said(access_token="x" * 16_385), "no access_token"),
        (said(token_type="mac"), "token_type other than Bearer"),
        (said(token_type=None), "token_type other than Bearer"),
        (said(expires_in=0), "no lifetime"),
        (said(expires_in=-5), "no lifetime"),
        (said(expires_in=True), "no lifetime"),
        (said(expires_in="soon"), "no lifetime"),
        (b'{"access_token": "a", "expires_in": NaN}', "no"),
    ],
)
def test_reply_without_a_token_that_can_be_sent_is_refused_unquoted(body: bytes, what: str) -> None:
    with pytest.raises(BadTokenReply, match=what) as refused:
        read_token(body, 0.0)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


class Setup:
    """A source with its server, and a clock that the test sets."""

    def __init__(self) -> None:
        self.server = ScriptedServer()
        self.now = 100.0
        self.source = TokenSource(CALL, self.server, 2.0, lambda: self.now, Complaints())  # type: ignore[arg-type]
        self.got: list[Token | Failed] = []

    def ask(self) -> Handle:
        return self.source.wait(self.got.append)

    def headers(self) -> list[object]:
        return [header_of(each) if isinstance(each, Token) else each.reason for each in self.got]


def in_loop(test: Callable[[Setup], Any]) -> Setup:
    """Run the test with a source of its own on a loop, and whatever that has ready at the end."""

    async def run() -> Setup:
        setup = Setup()
        test(setup)
        await asyncio.sleep(0)
        return setup

    return asyncio.run(run())


def test_request_for_a_token_has_its_credentials_in_a_header_and_the_rest_in_a_form() -> None:
    (call,) = in_loop(Setup.ask).server.calls
    assert (call.method, call.target) == ("POST", "/oauth/token?tenant=a")
    assert call.body == b"grant_type=client_credentials&scope=a+b&audience=shop+api"
    assert dict(call.headers)[b"authorization"] == b"Basic c2hvcDpo"
    assert dict(call.headers)[b"content-type"] == b"application/x-www-form-urlencoded"


def test_one_request_answers_all_that_wait_and_is_bounded() -> None:
    def test(setup: Setup) -> None:
        assert setup.source.current() is None
        setup.ask()
        setup.ask().cancel()
        setup.ask()
        setup.server.give(expires_in=100)
        assert setup.source.current() is not None

    setup = in_loop(test)
    assert setup.headers() == [b"Bearer t0ken"] * 2  # and not the one that left
    assert setup.server.bounds == [(2.0, REPLY_BYTES)]


def test_token_near_its_end_is_renewed_once_while_it_is_used() -> None:
    def test(setup: Setup) -> None:
        setup.ask()
        setup.server.give("first", expires_in=100)
        setup.now = 179
        assert setup.source.current() is not None
        assert len(setup.server.calls) == 1
        setup.now = 181
        for _ in range(3):
            token = setup.source.current()
            assert token is not None
            assert header_of(token) == b"Bearer first"
        assert len(setup.server.calls) == 2
        setup.server.give("second", expires_in=100)
        token = setup.source.current()
        assert token is not None
        assert header_of(token) == b"Bearer second"

    in_loop(test)


def test_renewal_that_fails_leaves_the_token_until_its_end_and_is_not_tried_by_each_call() -> None:
    def test(setup: Setup) -> None:
        setup.ask()
        setup.server.give(expires_in=100)
        setup.now = 181
        assert setup.source.current() is not None
        setup.server.answer(Failed(Reason.REFUSED))
        assert setup.source.current() is not None
        assert len(setup.server.calls) == 2
        setup.now += HOLD_SECONDS
        assert setup.source.current() is not None
        assert len(setup.server.calls) == 3
        setup.now = 196
        assert setup.source.current() is None

    in_loop(test)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Failed(Reason.REFUSED), "the token endpoint: refused"),
        (Failed(Reason.TIMEOUT), "the token endpoint: timeout"),
        (Failed(Reason.TOO_LARGE), "the token endpoint: too_large"),
        (UpstreamReply(401, (), b'{"error": "canary"}'), "the token endpoint answered 401"),
        (UpstreamReply(302, ((b"location", b"http://canary"),), b""), "the token endpoint answ"),
        (UpstreamReply(200, (), b"canary"), "the token endpoint's reply is no JSON"),
        (RuntimeError("canary"), "the token endpoint: RuntimeError"),
    ],
)
def test_failure_answers_all_that_wait_and_those_that_come_within_a_second(
    answer: UpstreamReply | Failed | Exception, detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    def test(setup: Setup) -> None:
        setup.ask()
        setup.ask()
        setup.server.answer(answer)
        setup.now += HOLD_SECONDS / 2
        setup.ask()
        assert len(setup.server.calls) == 1
        assert len(setup.got) == 2  # the third is answered by the loop, and never at once
        setup.now += HOLD_SECONDS
        setup.ask()
        setup.server.answer(answer)  # which has its line within a minute, with the count

    setup = in_loop(test)
    assert setup.headers() == [Reason.NO_TOKEN] * 4
    failed = setup.got[0]
    assert isinstance(failed, Failed)
    assert failed.detail.startswith(detail)
    assert not failed.was_sent
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert line.startswith(f"no token for the service shop: {detail}")
    assert "canary" not in f"{line}{failed}"


def test_call_that_the_answer_of_another_cancels_is_not_answered() -> None:
    """The first element that fails ends a step, and its other calls."""

    def test(setup: Setup) -> None:
        setup.source.wait(lambda _: second.cancel())
        second = setup.ask()
        setup.ask()
        setup.server.give()

    assert in_loop(test).headers() == [b"Bearer t0ken"]


def test_after_a_failure_and_a_second_a_token_is_asked_for_again() -> None:
    def test(setup: Setup) -> None:
        setup.ask()
        setup.server.answer(Failed(Reason.REFUSED))
        setup.now += HOLD_SECONDS
        setup.ask()
        setup.server.give()

    assert in_loop(test).headers() == [Reason.NO_TOKEN, b"Bearer t0ken"]


def test_refused_token_is_replaced_but_a_new_one_that_is_refused_stays_for_a_second() -> None:
    """Each refused call would ask for another."""

    def test(setup: Setup) -> None:
        def refuse() -> bool:
            token = setup.source.current()
            assert token is not None
            return setup.source.refuse(token)

        setup.ask()
        setup.server.give("first")
        first = setup.source.current()
        assert first is not None
        assert setup.source.refuse(first)
        assert setup.source.refuse(first)  # by a call of the same time; it is gone already
        assert setup.source.current() is None
        setup.ask()
        setup.server.give("second")
        assert setup.source.refuse(first)
        assert not refuse()
        setup.now += HOLD_SECONDS
        assert refuse()
        setup.ask()
        setup.server.give("third")
        setup.source.accept()
        assert refuse()

    in_loop(test)
