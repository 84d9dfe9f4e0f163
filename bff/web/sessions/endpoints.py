"""The endpoints by which browsers log in and out: `/bff/…`, the gateway's own in every host.

    GET  /bff/login               to the issuer            ?return_to=/a/path/of/the/site
    GET  /bff/callback            back from the issuer: a session, and on to that path
    GET  /bff/user                the claims of who is logged in, and the way to log out
    GET  /bff/logout              ends the session         ?sid=  as /bff/user gives it
    POST /bff/backchannel-logout  the issuer ends sessions

Rules:
1. Nothing of a request is in a reply, but for a path that is one of the own site's.
2. Where a reply leads follows from `public_url`, never from a header.
3. No reply is stored by anybody.
4. Whatever makes a callback no login of this browser's is one and the same 400.
"""

import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bff.identity.issuers.requests import IssuerDown
from bff.identity.jwt.tokens import BadToken
from bff.identity.ports import Identity, Refusal
from bff.identity.provider import subject_of
from bff.identity.sessions.authenticator import ISSUER_DOWN, NO_SESSION, STORE_DOWN
from bff.identity.sessions.cookies import (
    SessionCookie,
    drop_session,
    login_key_in,
    set_login,
    set_session,
)
from bff.identity.sessions.session import is_session_id, logout_sid
from bff.identity.sessions.sessions import BadLogin, Sessions
from bff.own_paths import is_own_path
from bff.plan.model.service import BodyFormat
from bff.plan.model.sessions import (
    BACKCHANNEL_PATH,
    CALLBACK_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    USER_PATH,
)
from bff.redis.store import StoreDown
from bff.telemetry.logs.events import AuditAction, AuditEntry
from bff.telemetry.logs.texts import NO_FACTS
from bff.web.compositions.bodies import BodyReader
from bff.web.http.problems import problem
from bff.web.http.refusals import refused
from bff.web.http.replies import JSON, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.sessions.pages import PRIVATE, failure, onward, send_on
from bff.web.telemetry.telemetry import Telemetry

_MOST_PARAMS = 32  # of a query or a form
_LOGOUT_BYTES = 16 * 1024
_SESSION_COOKIE = SessionCookie()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the gateway's own, which is asked by a caller. `may_be_abandoned`: it ends when the
    client leaves."""

    answer: Callable[[GatewayRequest, Identity], Awaitable[Reply]]
    reads_body: bool = False
    may_be_abandoned: bool = True


class SessionEndpoints:
    """Answers browsers about the sessions of one release."""

    def __init__(self, sessions: Sessions, telemetry: Telemetry) -> None:
        self._sessions = sessions
        self._plan = sessions.plan
        self._telemetry = telemetry
        form = BodyFormat("form", "application/x-www-form-urlencoded")
        self._body = BodyReader(form, _LOGOUT_BYTES)

    def by_path(self) -> Mapping[str, Endpoint]:
        """The endpoints by their paths."""
        return {
            LOGIN_PATH: Endpoint(self.log_in),
            CALLBACK_PATH: Endpoint(self.come_back),
            USER_PATH: Endpoint(self.show_user),
            LOGOUT_PATH: Endpoint(self.log_out, may_be_abandoned=False),
            BACKCHANNEL_PATH: Endpoint(self.end_sessions, reads_body=True, may_be_abandoned=False),
        }

    async def log_in(self, request: GatewayRequest, caller: Identity) -> Reply:
        """Send the browser to the issuer."""
        return_to = _params(request.raw_query).get("return_to", self._plan.after_login)
        if return_to is None or not is_own_path(return_to):
            return problem(
                request, 400, "bad_return_to", "return_to must be one path of this site: /orders."
            )
        before = _session_id(request)
        try:
            begun = await self._sessions.begin(return_to, login_key_in(request), before)
        except IssuerDown:
            return self._unavailable(request, ISSUER_DOWN)
        return send_on(begun.location, (b"set-cookie", set_login(begun.login_key)))

    async def come_back(self, request: GatewayRequest, caller: Identity) -> Reply:
        """End a login that the issuer has an answer to."""
        params, key = _params(request.raw_query), login_key_in(request)
        state, code = params.get("state"), params.get("code")
        if "error" in params:
            # Of an answer to another login nothing is believed, not even that it failed.
            known = self._sessions.knows(key, state)
            return self._refuse_login(request, "login_refused" if known else "unknown_login")
        if not code:
            return self._refuse_login(request, "unknown_login")
        try:
            login = await self._sessions.finish(
                key, state, code, params.get("iss"), before=_session_id(request)
            )
        except BadLogin as bad:
            return self._refuse_login(request, str(bad))
        except IssuerDown as error:
            what = f"a login was not ended: the issuer {error}"
            self._sessions.complaints.error(_log, what)
            return self._unavailable(request, ISSUER_DOWN)
        except StoreDown:
            return self._unavailable(request, STORE_DOWN)
        self._audit("login", request, login.session.subject, "done")
        location = self._plan.origin + login.return_to
        return onward(location, (b"set-cookie", set_session(login.session_id)))

    async def show_user(self, request: GatewayRequest, caller: Identity) -> Reply:
        """Who is logged in."""
        session_id = _session_id(request)
        if caller.kind != "session" or session_id is None:
            return refused(request, NO_SESSION)
        url = f"{self._plan.public_url}{LOGOUT_PATH}?sid={logout_sid(session_id)}"
        members = {"claims": caller.claims, "logout_url": url}
        # In ASCII: a claim may hold half of a character, which UTF-8 has none of.
        body = json.dumps(members, separators=(",", ":"), allow_nan=False).encode()
        length = str(len(body)).encode()
        return Reply(200, [(b"content-type", JSON), (b"content-length", length), *PRIVATE], body)

    async def log_out(self, request: GatewayRequest, caller: Identity) -> Reply:
        """End the session of the browser, here and at the issuer."""
        session_id = _SESSION_COOKIE.read(request)
        if isinstance(session_id, Refusal):
            return refused(request, session_id)
        location = self._plan.origin + self._plan.after_logout
        if session_id is not None and is_session_id(session_id):
            sid = _params(request.raw_query).get("sid") or ""
            if not hmac.compare_digest(sid.encode(), logout_sid(session_id).encode()):
                self._audit("logout", request, None, "wrong_sid")
                return problem(
                    request, 403, "wrong_sid", "A logout states the sid that /bff/user gives."
                )
            try:
                session = await self._sessions.end(session_id)
            except StoreDown:
                return self._unavailable(request, STORE_DOWN)
            if session is not None:
                self._audit("logout", request, session.subject, "done")
                location = await self._sessions.logout_url(session)
        return send_on(location, (b"set-cookie", drop_session()))

    async def end_sessions(self, request: GatewayRequest, caller: Identity) -> Reply:
        """End the sessions that a logout token of the issuer's names (OpenID Connect Back-Channel
        Logout 1.0 §2.5)."""
        body = await self._body.read(request)
        if isinstance(body, Reply):
            return body
        token = _params(body.decode("latin-1")).get("logout_token")
        try:
            ended = await self._sessions.end_by_token(token or "")
        except BadToken:
            ended = None
        except IssuerDown:
            return refused(request, ISSUER_DOWN)
        except StoreDown:
            return refused(request, STORE_DOWN)
        if ended is None:
            self._audit("logout", request, None, "bad_logout_token")
            return problem(
                request, 400, "bad_logout_token", "This is no logout token, or one that was used."
            )
        self._audit("logout", request, None, "done", {"bff.sessions": ended})
        return Reply(200, [(b"content-length", b"0"), *PRIVATE])

    def _refuse_login(self, request: GatewayRequest, reason: str) -> Reply:
        self._audit("login", request, None, reason)
        is_refused = reason == "login_refused"
        return failure(
            request,
            403 if is_refused else 400,
            reason if is_refused else "bad_login",
            "Not logged in",
            "The issuer has not logged you in."
            if is_refused
            else "This login was not begun in this browser, is over, or took too long.",
            login_url=self._plan.public_url + LOGIN_PATH,
        )

    def _unavailable(self, request: GatewayRequest, refusal: Refusal) -> Reply:
        return failure(
            request,
            refusal.status,
            refusal.reason,
            "Not available",
            refusal.detail,
            *refusal.headers,
            login_url=self._plan.public_url + LOGIN_PATH,
        )

    def _audit(
        self,
        action: AuditAction,
        request: GatewayRequest,
        subject: str | None,
        outcome: str,
        facts: Mapping[str, Any] = NO_FACTS,
    ) -> None:
        who = None if subject is None else subject_of("session", self._plan.issuer, subject)
        entry = AuditEntry(action, outcome, who, request.client_host, facts)
        self._telemetry.audit(entry)


def _session_id(request: GatewayRequest) -> str | None:
    """The one value of the session's cookie, whatever it is."""
    value = _SESSION_COOKIE.read(request)
    return value if isinstance(value, str) else None


def _params(text: str) -> dict[str, str | None]:
    """The params of a query or a form: None for one that stands twice. Those of a text that can't
    be read are none."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMS
        )
    except ValueError:
        return {}
    names = [name for name, _ in pairs]
    return {name: value if names.count(name) == 1 else None for name, value in pairs}
