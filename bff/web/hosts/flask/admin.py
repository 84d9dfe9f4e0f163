"""The operators' endpoint: purging by tags, behind a token.

It exists only with `BFF_ADMIN_TOKEN`. Problems are reported as everywhere (RFC 9457). Each
request has an audit line.
"""

import asyncio
import hmac
from collections.abc import Callable

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bff.cache.cache import Cache
from bff.plan.model.caching import MOST_TAGS
from bff.telemetry.logs.events import AuditEntry
from bff.web.gateway import Gateway
from bff.web.hosts.flask.wsgi import GatewayResponse, request_of, response_of
from bff.web.http.problems import problem
from bff.web.http.replies import JSON, NO_STORE, Reply
from bff.web.http.requests import GatewayRequest

PURGE_PATH = "/admin/purge"

_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_PURGE_FIELDS = ("bff.tags", "bff.entries")

AtWork = Callable[[], tuple[asyncio.AbstractEventLoop, Cache]]


class _Purge(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    tags: list[str] = Field(min_length=1, max_length=MOST_TAGS)


def add_admin(app: flask.Flask, gateway: Gateway, token: str, at_work: AtWork) -> None:
    """Add a gateway's endpoint to its app. `at_work` gives the loop that serves, and its cache."""

    def purge() -> GatewayResponse:
        request = request_of(flask.request.environ)
        gateway.locate(request)
        reply = _refused(request, token)
        who = None
        if reply is None:
            who = "admin token"
            reply = _purge(request, at_work)
        facts = {
            "http.request.id": request.request_id,
            **{name: each for name, each in reply.facts.items() if name in _PURGE_FIELDS},
        }
        outcome = reply.facts.get("error.type", "done")
        gateway.telemetry.audit(AuditEntry("purge", outcome, who, request.client_host, facts))
        body = reply.body if isinstance(reply.body, bytes) else b""
        return response_of(reply, body)

    app.add_url_rule(gateway.url_prefix + PURGE_PATH, "bff.purge", purge, methods=["POST"])


def _refused(request: GatewayRequest, token: str) -> Reply | None:
    given = flask.request.headers.get("Authorization", "")
    scheme, _, credentials = given.partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(
        credentials.strip().encode(), token.encode()
    ):
        return None
    return problem(
        request,
        401,
        "no_token",
        "Send the gateway's admin token: Authorization: Bearer ….",
        headers=((b"www-authenticate", b'Bearer realm="bff"'),),
    )


def _purge(request: GatewayRequest, at_work: AtWork) -> Reply:
    body = flask.request.stream.read(_MOST_BYTES + 1)
    try:
        tags = _Purge.model_validate_json(body).tags
    except ValidationError:
        detail = f'Send {{"tags": ["…"]}}, with 1 to {MOST_TAGS} tags.'
        return problem(request, 400, "bad_tags", detail)
    loop, cache = at_work()
    gone = asyncio.run_coroutine_threadsafe(cache.purge(tags, _SECONDS), loop).result()
    if gone is None:
        return problem(
            request,
            503,
            "purge_delayed",
            "Redis does not answer now. What this worker held is gone; the others, and Redis, will"
            " hear of it when it answers again.",
            headers=((b"retry-after", b"1"),),
        )
    facts = {"bff.tags": ", ".join(tags), "bff.entries": gone}
    return Reply(200, [(b"content-type", JSON), NO_STORE], b'{"purged":%d}' % gone, facts)
