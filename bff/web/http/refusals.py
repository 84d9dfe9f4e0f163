"""The reply to a caller who may not ask: a problem document, perhaps with a challenge."""

import re
from functools import lru_cache
from typing import Final

from bff.identity.ports import Refusal
from bff.web.http.problems import fixed_problem
from bff.web.http.replies import RawHeader, Reply
from bff.web.http.requests import GatewayRequest

_CHALLENGE: Final = b"www-authenticate"
_UNQUOTABLE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # RFC 6750 §3
# Reasons that are errors of RFC 6750 §3.1.
_BEARER_ERRORS: Final = frozenset({"invalid_request", "invalid_token", "insufficient_scope"})


def refused(request: GatewayRequest, refusal: Refusal) -> Reply:
    """The problem document of a refusal, with a challenge where it takes one and has none."""
    return fixed_problem(request, *_with_challenge(refusal))


@lru_cache(256)
def _with_challenge(refusal: Refusal) -> Refusal:
    status, reason, detail, headers = refusal
    takes_one = status == 401 or reason in _BEARER_ERRORS
    if takes_one and not any(name == _CHALLENGE for name, _ in headers):
        headers = (challenge(reason, detail), *headers)
    return Refusal(status, reason, detail, headers)


def challenge(reason: str, detail: str, scope: str = "") -> RawHeader:
    """RFC 6750 §3: an error where a credential was wrong, and no error where there was none."""
    parts = ['realm="gateway"']
    if reason in _BEARER_ERRORS:
        parts += [f'error="{reason}"', f'error_description="{_UNQUOTABLE.sub("?", detail)}"']
    if scope:
        parts.append(f'scope="{scope}"')
    return (_CHALLENGE, f"Bearer {', '.join(parts)}".encode("ascii"))
