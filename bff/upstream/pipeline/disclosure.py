"""Calls by which a service learns who calls the gateway: by headers of claims, by the caller's own
token. What the token is exchanged for is for `exchange.py`.

Rules, beside those of `bff.engine.steps.disclosures`:
1. No header of the call's own has a name that some server takes for one of these (`X_User` is
   `X-User` to many): whoever sent it, it does not go on.
2. A call whose caller has not what the service is to learn is answered by a failure, and nothing of
   it is sent.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, TypeVar

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall
from bff.engine.steps.disclosures import headers_of_caller, token_of
from bff.engine.values.outcomes import Failed
from bff.header_names import FOLDED
from bff.plan.model.service import CallerHeader
from bff.upstream.pipeline.balance import Way

T = TypeVar("T")

_AUTHORIZATION: Final = frozenset({b"authorization"})


def named(way: Way[T], headers: Sequence[CallerHeader]) -> Way[T]:
    """The way of calls that have headers of the caller's claims."""
    names = frozenset(each.wire_name.translate(FOLDED) for each in headers)

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        own = headers_of_caller(headers, call.caller)
        if isinstance(own, Failed):
            return answer_soon(on_answer, own)
        sent = (*_without(call.headers, names), *own)
        return way(structs.replace(call, headers=sent), seconds, on_answer)

    return send


def relayed(way: Way[T]) -> Way[T]:
    """The way of calls that have the caller's own token."""

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        token = token_of(call.caller)
        if isinstance(token, Failed):
            return answer_soon(on_answer, token)
        own = (b"authorization", f"Bearer {token}".encode())
        sent = (*_without(call.headers, _AUTHORIZATION), own)
        return way(structs.replace(call, headers=sent), seconds, on_answer)

    return send


def answer_soon(on_answer: OnAnswer[T], failed: Failed) -> Handle:
    """Answer a call that is not sent."""
    return asyncio.get_running_loop().call_soon(on_answer, failed)


def _without(headers: Headers, names: frozenset[bytes]) -> Headers:
    return [each for each in headers if each[0].translate(FOLDED) not in names]
