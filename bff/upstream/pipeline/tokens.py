"""Tokens for one service: of the gateway's own, by client credentials (RFC 6749 §4.4), or of one
caller's, by an exchange (`exchange.py`).

Rules:
1. There is one token for all calls, and one request for it however many calls wait.
2. A token is renewed ahead of its end, while calls go on with it; nobody waits for that.
3. A request for a token that failed answers every call that waits, and for `HOLD_SECONDS` every
   call that comes: a token endpoint that is down is not asked by each of them.
4. A call waits for a token no longer than it may take. The request for the token goes on, since its
   outcome is for others too; it has a time of its own.
5. A token that the service refuses is replaced; where it refuses the new one too, that stays for
   `HOLD_SECONDS`: each refused call would ask for another.
6. No token, and nothing of a reply, is logged.

Belongs to one event loop.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from pydantic_core import from_json

from bff.engine.answers import Handle
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import TokenRequest
from bff.plan.params.sendable import is_sendable_token
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.additions import AddedHeaders
from bff.upstream.ports import Instance

HOLD_SECONDS: Final = 1.0
REPLY_BYTES: Final = 64 * 1024
LONGEST_LIFE_SECONDS: Final = 24 * 3600.0  # whatever is stated
ASSUMED_LIFE_SECONDS: Final = 300.0  # where none is
_RENEWED_AT: Final = 0.8  # of its life
_MOST_AHEAD_SECONDS: Final = 60.0
_MARGIN: Final = 0.05  # of its life: the way to the service takes time, too
_MOST_MARGIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the `Authorization` of calls, and until when it is good: seconds of the clock."""

    headers: AddedHeaders
    renew_at: float
    ends_at: float


class BadTokenReply(Exception):
    """What an authorization server answered is no token; holds nothing of the answer."""


def no_token(detail: str) -> Failed:
    """The failure of calls that have no token, for a reason that is not the caller's."""
    return Failed(Reason.NO_TOKEN, detail=detail, was_sent=False)


def refused_gateway(reply: UpstreamReply) -> Failed:
    """What an authorization server's refusal means that was asked for the gateway itself."""
    return no_token(f"the token endpoint answered {reply.status}")


class TokenSource:
    """Gets tokens from the authorization `server` by `call`; `refused` judges its refusals, and
    `clock` gives seconds from any start."""

    def __init__(
        self,
        call: ServiceCall,
        server: Instance,
        timeout_seconds: float,
        clock: Callable[[], float],
        complaints: Complaints,
        refused: Callable[[UpstreamReply], Failed] = refused_gateway,
    ) -> None:
        self.clock = clock
        self._complaints = complaints
        self._call = call
        self._server = server
        self._timeout_seconds = timeout_seconds
        self._refused = refused
        self._token: Token | None = None
        self._failed: Failed | None = None
        self._failed_until = 0.0
        self._keeps_until = 0.0
        self._waiting: dict[int, Callable[[Token | Failed], None]] = {}
        self._next = 0
        self._is_asking = False
        self._asked_at = 0.0

    def current(self) -> Token | None:
        """The token, where it is good; it is renewed in the background where its end is near."""
        token = self._token
        if token is None:
            return None
        now = self.clock()
        if now >= token.ends_at:
            return None
        if now >= token.renew_at and now >= self._failed_until:
            self._ask()
        return token

    def wait(self, on_token: Callable[[Token | Failed], None]) -> Handle:
        """Ask for a token, where nobody has; answer by the rules of `bff.engine.answers`."""
        if self._failed is not None and self.clock() < self._failed_until:
            return asyncio.get_running_loop().call_soon(on_token, self._failed)
        self._next += 1
        self._waiting[self._next] = on_token
        self._ask()
        return _Waiter(self._waiting, self._next)

    def accept(self) -> None:
        """The service takes the token."""
        self._keeps_until = 0.0

    def refuse(self, token: Token) -> bool:
        """The service takes the token no more; whether another one may help (rule 5)."""
        if self._token is token:
            now = self.clock()
            if now < self._keeps_until:
                return False
            self._token, self._keeps_until = None, now + HOLD_SECONDS
        return True

    def _ask(self) -> None:
        if self._is_asking:
            return
        self._is_asking = True
        self._asked_at = self.clock()
        self._server.fetch(
            self._call,
            self._take,
            timeout_seconds=self._timeout_seconds,
            byte_cap=REPLY_BYTES,
        )

    def _take(self, answer: UpstreamReply | Failed | Exception) -> None:
        self._is_asking = False
        outcome = self._outcome(answer)
        if isinstance(outcome, Token):
            self._token, self._failed = outcome, None
        else:
            if outcome.credential != "caller":  # somebody has to mend it
                what = f"no token for the service {self._call.service}: {outcome.detail}"
                self._complaints.error(_log, what)
            self._failed, self._failed_until = outcome, self.clock() + HOLD_SECONDS
        waiting, self._waiting = self._waiting, {}
        while waiting:  # each may cancel others
            on_token = waiting.pop(next(iter(waiting)))
            on_token(outcome)

    def _outcome(self, answer: UpstreamReply | Failed | Exception) -> Token | Failed:
        match answer:
            case UpstreamReply(status, _, body) if 200 <= status < 300:
                try:
                    return read_token(body, self._asked_at)
                except BadTokenReply as error:
                    return no_token(str(error))
            case UpstreamReply():
                return self._refused(answer)
            case Failed(reason=reason):
                return no_token(f"the token endpoint: {reason.word}")
            case _:  # a bug in a transport; what waits must not hang for it
                return no_token(f"the token endpoint: {type(answer).__name__}")


class _Waiter:
    """A call that waits for a token."""

    __slots__ = ("_place", "_waiting")

    def __init__(self, waiting: dict[int, Callable[[Token | Failed], None]], place: int) -> None:
        self._waiting = waiting
        self._place = place

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._waiting.pop(self._place, None)


def read_token(body: bytes, asked_at: float) -> Token:
    """The token in a reply to a request of this time. Raises `BadTokenReply`."""
    try:
        reply = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise BadTokenReply("the token endpoint's reply is no JSON") from None
    if not isinstance(reply, dict):
        raise BadTokenReply("the token endpoint's reply is no object")
    text, kind = reply.get("access_token"), reply.get("token_type", "Bearer")
    if not isinstance(text, str) or not is_sendable_token(text):
        raise BadTokenReply("the token endpoint's reply has no access_token that can be sent")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadTokenReply("the token endpoint's reply has a token_type other than Bearer")
    life = _life_seconds(reply.get("expires_in"))
    ahead = min(life * (1 - _RENEWED_AT), _MOST_AHEAD_SECONDS)
    ends_at = asked_at + life - min(life * _MARGIN, _MOST_MARGIN_SECONDS)
    headers = AddedHeaders([(b"authorization", b"Bearer " + text.encode())])
    return Token(headers, asked_at + life - ahead, ends_at)


def _life_seconds(stated: Any) -> float:
    if stated is None:
        return ASSUMED_LIFE_SECONDS
    if isinstance(stated, str) and re.fullmatch(r"[0-9]{1,9}", stated):  # as some servers do
        stated = int(stated)
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not stated > 0:
        raise BadTokenReply("the token endpoint's reply has an expires_in that is no lifetime")
    return min(stated, LONGEST_LIFE_SECONDS)


def client_credentials(service: str, request: TokenRequest) -> ServiceCall:
    """The call for a token of the gateway's own."""
    return token_call(service, request, {"grant_type": "client_credentials"})


def token_call(service: str, request: TokenRequest, grant: Mapping[str, str]) -> ServiceCall:
    """The call for a token for the service, by this grant."""
    fields = dict(grant)
    if request.scope:
        fields["scope"] = request.scope
    if request.audience is not None:
        fields["audience"] = request.audience
    if request.resource is not None:
        fields["resource"] = request.resource
    headers = (
        (b"accept", b"application/json"),
        (b"accept-encoding", b"identity"),
        (b"authorization", request.authorization.reveal().encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    )
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return ServiceCall(service, "POST", target, headers, urlencode(fields).encode())
