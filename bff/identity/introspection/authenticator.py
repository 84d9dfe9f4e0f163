"""Authenticates opaque tokens by asking their authorization server (RFC 7662).

Rules:
1. An answer is kept for `cache_seconds` at most, and no longer than the token's `exp`. That a token
   is not active is kept for `REFUSED_SECONDS` at most: it may become active.
2. One question answers all requests that bring the same token meanwhile. A client that leaves does
   not end it.
3. A question has `ANSWER_SECONDS` in all. `ASKED_AT_ONCE` are under way at once and `WAITING` wait;
   more are answered 503.
4. A server that is down, answers what can't be used, or refuses the gateway's own credentials is
   503 with Retry-After, never 401: the caller's token may be good. The log has an error, once for
   each kind of trouble. After some failures in a row the server is left alone for a pause.
5. A token with characters that no token has (RFC 6750 §2.1), or too many, is refused unasked.

Belongs to one event loop; what is remembered is read on any thread.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final

from bff.breaker import Breaker
from bff.identity.introspection.replies import Inactive, NoAnswer, read_reply
from bff.identity.issuers.issuers import Issuers, metadata_name
from bff.identity.issuers.metadata import IssuerMetadata
from bff.identity.issuers.remote import RemoteDocument
from bff.identity.issuers.requests import IssuerDown, Question
from bff.identity.memory import (
    BYTES_A_CHARACTER,
    MOST_BYTES,
    MOST_TOKENS,
    TokenMemory,
    digest_of,
)
from bff.identity.ports import CallerRequest, Claims, Refusal
from bff.plan.model.identity import IntrospectionPlan
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints

ANSWER_SECONDS: Final = 2.0
REFUSED_SECONDS: Final = 5.0
ASKED_AT_ONCE: Final = 16
WAITING: Final = 1024
LONGEST_TOKEN: Final = 8192  # characters

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")

_INVALID: Final = Refusal(
    401,
    "invalid_token",
    "The access token is malformed, expired, revoked, or not for this gateway.",
)
_UNASKED: Final = Refusal(
    503,
    "identity_unavailable",
    "Whether the access token is good can't be found out now.",
    ((b"retry-after", b"1"),),
)

_log = logging.getLogger(__name__)


class Introspection:
    """Asks the server of a plan. `clock` gives seconds since the epoch. `memory` is how many
    tokens, and bytes, are remembered: of good ones, and of others."""

    def __init__(
        self,
        plan: IntrospectionPlan,
        issuers: Issuers,
        clock: Callable[[], float],
        complaints: Complaints,
        breaker: Breaker | None = None,
        answer_seconds: float = ANSWER_SECONDS,
        waiting: int = WAITING,
        memory: tuple[int, int] = (MOST_TOKENS, MOST_BYTES),
    ) -> None:
        self._plan = plan
        self._issuers = issuers
        self._clock = clock
        self._breaker = breaker or Breaker(
            failures=5, first_pause_seconds=0.5, longest_pause_seconds=5.0, clock=time.monotonic
        )
        self._answer_seconds = answer_seconds
        self._most_questions = ASKED_AT_ONCE + waiting
        self._active: TokenMemory[Claims] = TokenMemory(*memory)
        self._refused: TokenMemory[Refusal] = TokenMemory(*memory)
        self._metadata: RemoteDocument[IssuerMetadata] | None = None
        self._questions: dict[bytes, asyncio.Task[Claims | Refusal]] = {}
        self._slots = asyncio.Semaphore(ASKED_AT_ONCE)
        self._complaints = complaints
        self._trouble = ""

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        """See `Authenticator`."""
        if len(credential) > LONGEST_TOKEN or not _TOKEN.fullmatch(credential):
            return _INVALID
        digest = digest_of(credential)
        known = self._recall(digest)
        return known if known is not None else self._ask(credential, digest)

    async def open(self) -> None:
        """See `Authenticator`."""
        if self._plan.url is None:
            self._metadata = self._issuers.use_metadata(self._plan.issuer)

    async def close(self) -> None:
        """See `Authenticator`."""
        questions = list(self._questions.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        if self._metadata is not None:
            self._metadata = None
            await self._issuers.leave(metadata_name(self._plan.issuer))

    def _recall(self, digest: bytes) -> Claims | Refusal | None:
        now = self._clock()
        return self._active.recall(digest, now) or self._refused.recall(digest, now)

    async def _ask(self, token: str, digest: bytes) -> Claims | Refusal:
        known = self._recall(digest)
        if known is not None:  # since this was called, maybe on another thread
            return known
        question = self._questions.get(digest)
        if question is None:
            if len(self._questions) >= self._most_questions or not self._breaker.admits():
                return _UNASKED
            question = asyncio.get_running_loop().create_task(self._answer(token, digest))
            self._questions[digest] = question
            question.add_done_callback(lambda _: self._questions.pop(digest, None))
        return await asyncio.shield(question)

    async def _answer(self, token: str, digest: bytes) -> Claims | Refusal:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._answer_seconds), self._slots:
                claims = await self._introspect(token)
        except Inactive as why:
            _log.debug("a token was refused: it %s", why)
            self._note_answer()
            until = asked_at + min(self._plan.cache_seconds, REFUSED_SECONDS)
            self._refused.remember(digest, _INVALID, until)
            return _INVALID
        except (IssuerDown, NoAnswer, TimeoutError) as trouble:
            self._note_trouble(str(trouble) or "took too long")
            return _UNASKED
        self._note_answer()
        until = asked_at + self._plan.cache_seconds
        if claims.until is not None:
            until = min(until, claims.until)
        size = BYTES_A_CHARACTER * (len(token) + len(str(claims.claims)))
        self._active.remember(digest, claims, until, size)
        return claims

    async def _introspect(self, token: str) -> Claims:
        plan = self._plan
        url = plan.url
        if self._metadata is not None:
            url = (await self._metadata.get(self._answer_seconds)).introspection_endpoint
        if url is None:
            raise IssuerDown("its metadata names no introspection_endpoint")
        form = {"token": token, "token_type_hint": "access_token"}
        client_id = plan.client_id
        client = (
            client_id.reveal() if isinstance(client_id, Secret) else client_id,
            plan.client_secret,
        )
        reply = await self._issuers.client.post(
            url,
            form,
            Question(plan.issuer, "introspection"),
            client=client,
            timeout_seconds=self._answer_seconds,
        )
        return read_reply(reply, token, plan, self._clock())

    def _note_answer(self) -> None:
        self._breaker.note_success()
        if self._trouble:
            self._trouble = ""
            self._complaints.warning(_log, f"introspection at {self._plan.issuer} works again")

    def _note_trouble(self, trouble: str) -> None:
        self._breaker.note_failure()
        self._trouble = trouble
        self._complaints.error(_log, f"introspection at {self._plan.issuer}: {trouble}")
