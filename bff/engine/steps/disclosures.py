"""What a service learns of the caller with a call: headers of claims, a token. Pure.

Rules:
1. A claim that is absent or null sends nothing. One that no header can hold fails the call: a line
   break, a blank at an end, a comma within an element of a list would make another caller of it.
2. A caller without a token fails the call of a service that wants one: with 401 where nobody is
   known, and else with 403.
3. A failure's text holds nothing of claims and tokens.
"""

from collections.abc import Sequence
from typing import Any

from bff.engine.steps.texts import plain_text
from bff.engine.values.limits import HEADER_BYTES
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import Caller
from bff.errors import EvaluationError
from bff.plan.model.service import CallerHeader, Disclosure
from bff.plan.params.sendable import is_sendable_token, wrong_in_header, wrong_in_list


def refused_caller(disclosure: Disclosure, caller: Caller | None) -> Failed | None:
    """The failure of every call that can't disclose this of the caller; None where it can."""
    found = headers_of_caller(disclosure.headers, caller)
    if isinstance(found, Failed):
        return found
    token = None if disclosure.token is None else token_of(caller)
    return token if isinstance(token, Failed) else None


def headers_of_caller(
    headers: Sequence[CallerHeader], caller: Caller | None
) -> list[tuple[bytes, bytes]] | Failed:
    """The headers by which a service learns of the caller (rule 1)."""
    root = {"claims": {} if caller is None else caller.claims}
    found: list[tuple[bytes, bytes]] = []
    left = HEADER_BYTES
    for header in headers:
        try:
            value = _header_value(header.template.evaluate(root))
        except UnicodeEncodeError:
            return _bad_claim(header, "holds half of a character")
        except (EvaluationError, ValueError) as error:
            return _bad_claim(header, str(error))
        if value is None:
            continue
        left -= len(header.wire_name) + len(value)
        if left < 0:
            return _bad_claim(header, "is too long")
        found.append((header.wire_name, value))
    return found


def token_of(caller: Caller | None) -> str | Failed:
    """The caller's own token, or the failure of a call that needs one (rule 2)."""
    if caller is None or not caller.key:
        return _no_token(401, "nobody is known")
    text = "" if caller.token is None else caller.token.reveal()
    if not text:
        return _no_token(403, "the caller has no token, but another credential")
    if not is_sendable_token(text):
        return _no_token(403, "no header can hold the caller's token")
    return text


def _header_value(value: Any) -> bytes | None:
    """The bytes of a claim's value; None for one that sends nothing. Raises `ValueError`."""
    if isinstance(value, list):
        texts = [plain_text(each) for each in value]
        _refuse(next((what for each in texts if (what := wrong_in_list(each, "comma"))), None))
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
