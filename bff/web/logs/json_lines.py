"""Makes the lines of requests as JSON, by hand: a serializer takes five times as long.

The field names are those of `bff.telemetry.logs.fields`. Parts that many requests share are
rendered once.
"""

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from bff.telemetry.logs.events import Origin, client_fields, json_line, moment_text
from bff.telemetry.logs.fields import ECS_VERSION
from bff.telemetry.logs.texts import LINE_BYTES, Facts, json_text, members
from bff.web.http.destination import Destination
from bff.web.http.replies import Account, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.accounts import account_fields, account_text

METHOD_LENGTH: Final = 32
PATH_LENGTH: Final = 200
_TEXT_LENGTH: Final = 200


class JsonLines:
    """Makes lines of JSON. Safe to share between threads."""

    def __init__(self, origin: Origin) -> None:
        self._origin = members(origin.fields())
        self._tails = {1.0: self._tail(1.0)}  # by weights, of which there are two

    def event(self, fields: Mapping[str, Any]) -> bytes:
        """The line of an event."""
        return json_line(fields)

    def request(
        self, request: GatewayRequest, reply: Reply, sent_bytes: int, weight: float
    ) -> bytes:
        """The line of a request, which stands for `weight` requests."""
        facts, account, status = reply.facts, reply.account, reply.status
        # No part of a plain account belongs to this request alone.
        is_plain = account is None or not account.timings
        if account is None:
            came_to = _moved(request.moves)
        else:
            came_to = b"" if is_plain else account_text(account, request.moves)
        message, target = _target(request.method[:METHOD_LENGTH], request.raw_path[:PATH_LENGTH])
        line = (
            b'{"@timestamp":"%b","log.level":"info","message":"%b %d",%b%b%b%b"trace.id":"%b",'
            b'"http.request.id":"%b","event.duration":%d,"http.response.body.bytes":%d,%b%b}\n'
        ) % (
            moment_text(time.time()),
            message,
            status,
            _common(
                status,
                "bff.broken" in facts,
                request.destination,
                account if is_plain else None,
            ),
            target,
            came_to,
            _client(request.client_host),
            request.trace_id,
            request.request_id,
            (time.perf_counter() - request.started_at) * 1e9,
            sent_bytes,
            facts.text if type(facts) is Facts else members(facts),
            self._tails.get(weight) or self._tail(weight),
        )
        # Each part has a bound, but together they may be longer where many steps fail.
        return line if len(line) <= LINE_BYTES else json_line(json.loads(line))

    def refusal(self, request: GatewayRequest, reply: Reply) -> bytes:
        """The audit line of a request that is refused."""
        # By hand too: a refused client may send many requests.
        _, target = _target(request.method[:METHOD_LENGTH], request.raw_path[:PATH_LENGTH])
        reason = reply.facts["error.type"][:_TEXT_LENGTH]
        return b'{"@timestamp":"%b",%b%b"trace.id":"%b","http.request.id":"%b",%b%b%b}\n' % (
            moment_text(time.time()),
            _refusal(reason, reply.status, request.destination),
            target,
            request.trace_id,
            request.request_id,
            _client(request.client_host),
            _user(request.subject),
            self._origin[:-1],
        )

    def _tail(self, weight: float) -> bytes:
        return b'%b"bff.weight":%a' % (self._origin, weight)


def request_fields(request: GatewayRequest) -> dict[str, Any]:
    """The fields that name a request, for other lines than its own."""
    return {
        "http.request.method": request.method[:METHOD_LENGTH],
        "http.request.id": request.request_id.decode(),
        "url.path": request.raw_path[:PATH_LENGTH],
        "trace.id": request.trace_id.decode(),
        **request.destination.facts,
    }


def refusal_fields(reason: str, status: int) -> dict[str, Any]:
    """The fields of an audit line of a refusal."""
    return {
        "event.category": ["api"],
        "event.type": ["denied"],
        "event.action": "refusal",
        "event.outcome": "failure",
        "event.reason": reason,
        "http.response.status_code": status,
    }


# Most requests have the target of an earlier one.
@lru_cache(1024)
def _target(method: str, path: str) -> tuple[bytes, bytes]:
    """Both as a text within a JSON string, and as fields."""
    method_text, path_text = json_text(method), json_text(path)
    fields = f'"http.request.method":{method_text},"url.path":{path_text},'
    return f"{method_text[1:-1]} {path_text[1:-1]}".encode(), fields.encode()


# Requests have few outcomes, while each may have another path.
@lru_cache(1024)
def _common(
    status: int, is_broken: bool, destination: Destination, account: Account | None
) -> bytes:
    return members(
        {
            "ecs.version": ECS_VERSION,
            "event.dataset": "bff.access",
            "event.kind": "event",
            "event.category": ["web"],
            "event.type": ["access"],
            "event.outcome": "failure" if is_broken or status >= 400 else "success",
            "http.response.status_code": status,
            **destination.facts,
            **({} if account is None else account_fields(account)),
        }
    )


@lru_cache(1024)
def _refusal(reason: str, status: int, destination: Destination) -> bytes:
    return members(
        {
            "log.level": "info",
            "message": f"refusal: {reason}",
            "ecs.version": ECS_VERSION,
            "event.dataset": "bff.audit",
            "event.kind": "event",
            **refusal_fields(reason, status),
            **destination.facts,
        }
    )


def _moved(moves: int) -> bytes:
    """The attempts of a route's call, where there was more than one."""
    return members({"bff.attempts": moves + 1, "bff.failed_attempts": moves}) if moves else b""


@lru_cache(1024)
def _client(address: str | None) -> bytes:
    return members(client_fields(address))


@lru_cache(1024)
def _user(subject: str | None) -> bytes:
    return b'"user.id":%b,' % json_text(subject[:_TEXT_LENGTH]).encode() if subject else b""
