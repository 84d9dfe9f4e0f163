"""Calls by which a service learns who calls the gateway: by headers of claims, by the caller's own
token. What the token is exchanged for is for `exchange.py`.

Rules:
1. No header of the call's own has a name that some server takes for one of these (`X_User` is
   `X-User` to many): whoever sent it, it does not go on.
2. A claim that is absent or null sends nothing. One that no header can hold fails the call: a line
   break, a blank at an end, a comma within an element of a list would make another caller of it.
3. A caller without a token fails the call of a service that wants one, before anything is sent:
   with 401 where nobody is known, and else with 403.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall
from bff.engine.steps.texts import plain_text
from bff.engine.values.caller import Caller
from bff.engine.values.limits import HEADER_BYTES
from bff.engine.values.outcomes import Failed, Reason
from bff.errors import EvaluationError
from bff.header_names import folded
from bff.plan.model.service import CallerHeader
from bff.plan.params.sendable import wrong_in_header, wrong_in_list
from bff.upstream.pipeline.balance import Way
from bff.upstream.pipeline.tokens import LONGEST_TOKEN, VISIBLE

T = TypeVar("T")

_AUTHORIZATION: Final = frozenset({"authorization"})


def named(way: Way[T], headers: Sequence[CallerHeader]) -> Way[T]:
    """The way of calls that have headers of the caller's claims."""
    names = frozenset(folded(each.name) for each in headers)
    rendered = [(each, each.name.lower().encode()) for each in headers]

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        root = {"claims": {} if call.caller is None else call.caller.claims}
        added: list[tuple[bytes, bytes]] = []
        left = HEADER_BYTES
        for header, name in rendered:
            try:
                value = _header_value(header.template.evaluate(root))
            except UnicodeEncodeError:
                return answer_soon(on_answer, _bad_claim(header, "holds half of a character"))
            except (EvaluationError, ValueError) as error:
                return answer_soon(on_answer, _bad_claim(header, str(error)))
            if value is not None:
                added.append((name, value))
                left -= len(name) + len(value)
                if left < 0:
                    return answer_soon(on_answer, _bad_claim(header, "is too long"))
        sent = (*_without(call.headers, names), *added)
        return way(call._replace(headers=sent), seconds, on_answer)

    return send


def relayed(way: Way[T]) -> Way[T]:
    """The way of calls that have the caller's own token."""

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        token = token_of(call.caller)
        if isinstance(token, Failed):
            return answer_soon(on_answer, token)
        own = (b"authorization", f"Bearer {token}".encode())
        sent = (*_without(call.headers, _AUTHORIZATION), own)
        return way(call._replace(headers=sent), seconds, on_answer)

    return send


def token_of(caller: Caller | None) -> str | Failed:
    """The caller's own token, or the failure of a call that needs one (rule 3)."""
    if caller is None or not caller.key:
        return _no_token(401, "nobody is known")
    text = "" if caller.token is None else caller.token.reveal()
    if not text:
        return _no_token(403, "the caller has no token, but another credential")
    if len(text) > LONGEST_TOKEN or not VISIBLE.fullmatch(text):
        return _no_token(403, "no header can hold the caller's token")
    return text


def answer_soon(on_answer: OnAnswer[T], failed: Failed) -> Handle:
    """Answer a call that is not sent."""
    return asyncio.get_running_loop().call_soon(on_answer, failed)


def _without(headers: Headers, names: frozenset[str]) -> Headers:
    return [each for each in headers if folded(each[0].decode("latin-1")) not in names]


def _header_value(value: Any) -> bytes | None:
    """The bytes of a claim's value; None for one that sends nothing. Raises `ValueError`."""
    if isinstance(value, list):
        texts = [plain_text(each) for each in value]
        wrong = next((what for each in texts if (what := wrong_in_list(each, "comma"))), None)
        _refuse(wrong)
        return b",".join(map(_encoded, texts)) if texts else None
    return None if value is None else _encoded(plain_text(value))


def _encoded(text: str) -> bytes:
    if len(text) > HEADER_BYTES:
        raise ValueError("is too long")
    if text != text.strip(" \t"):  # RFC 9110 §5.5: they are not part of a header's value
        raise ValueError("has a blank at an end")
    _refuse(wrong_in_header(text))
    return text.encode()


def _refuse(what: str | None) -> None:
    if what is not None:
        raise ValueError(what)


def _bad_claim(header: CallerHeader, what: str) -> Failed:
    return Failed(Reason.BAD_CLAIM, detail=f"caller_headers.{header.name}: {what}", was_sent=False)


def _no_token(status: int, detail: str) -> Failed:
    return Failed(
        Reason.NO_CALLER_TOKEN,
        detail=detail,
        was_sent=False,
        reported_status=status,
        credential="caller",
        challenge="Bearer" if status == 401 else None,
    )
