"""One request through a gateway in this process, and what was seen of its upstream calls."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bff.cli.calling.callers import PlayedCaller
from bff.cli.calling.masks import Mask
from bff.cli.calling.requests import ScreenCall
from bff.cli.calling.waterfall import Waterfall, parse_server_timing
from bff.engine.ports import UpstreamReply
from bff.plan.model.composition import CompiledProject, Composition
from bff.secret import Secret
from bff.settings import Settings
from bff.upstream.observed import ObservedCall
from bff.web.gateway import Gateway
from bff.web.http.problems import not_found
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from bff.web.serving.pending import Pending


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request to a service, as it may be shown. `operation` is empty for one that gets a token;
    `started_ms` counts from the screen's own request. Where no reply came, `status` is None, and
    `reason` says why. `caching` is what the service says of storing its reply."""

    operation: str
    method: str
    url: str
    status: int | None
    reason: str
    started_ms: float
    duration_ms: float
    size_bytes: int
    caching: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed (`step reviews`, `param id`), why, and in which field; `words` are the service's
    own, empty where it said nothing."""

    what: str
    reason: str
    status: int | None
    detail: str
    words: str


@dataclass(frozen=True, slots=True)
class CallReport:
    """What came of one call. `stored` are the steps whose replies came from the cache; `ambiguous`
    are the keys that a join's source has more than once, by the join's path."""

    composition: str
    method: str
    target: str
    status: int
    duration_ms: float
    headers: Mapping[str, str]
    body: bytes
    waterfall: Waterfall
    requests: tuple[SentRequest, ...]
    stored: tuple[str, ...]
    failures: tuple[Failure, ...]
    ambiguous: Mapping[str, int]


async def call_screen(
    project: CompiledProject,
    settings: Settings,
    composition: Composition,
    call: ScreenCall,
    secrets: Sequence[Secret],
    caller: PlayedCaller | None = None,
) -> CallReport:
    """Make the call against the real services, as the `caller` where one is played. Raises
    `SettingsError`."""
    observed: list[ObservedCall] = []
    # What goes wrong is shown: the log has bugs alone, and calls where these are wanted.
    log = Log("debug" if settings.log_level == "debug" else "error", sys.stderr.buffer)
    settings = replace(settings, metrics_port=None, metrics_token=None)  # nobody scrapes them
    gateway = Gateway(project, settings, identity=caller, log=log, observe=observed.append)
    await gateway.open()
    try:
        request = call.request()
        begun = gateway.begin(request)
        reply = await begun.reply() if isinstance(begun, Pending) else begun or not_found(request)
        duration_ms = request.elapsed_ms
    finally:
        await gateway.close()
        log.flush()
    observed.sort(key=lambda each: each.started_at)
    mask = Mask([*(each.reveal() for each in secrets), *_credentials(project, observed)])
    return _report(composition, call, request, reply, duration_ms, observed, mask)


def _credentials(project: CompiledProject, observed: Iterable[ObservedCall]) -> Iterable[str]:
    """What identified the gateway or the caller to services and proxies, in its encoded form:
    tokens that were fetched, too."""
    for service in project.services.values():
        if service.link is not None and service.link.proxy is not None:
            yield (service.link.proxy.authorization or "").partition(" ")[2]
    for each in observed:
        for name, value in each.call.headers:
            if name == b"authorization":
                yield value.decode("latin-1").partition(" ")[2]


def _report(
    composition: Composition,
    call: ScreenCall,
    request: GatewayRequest,
    reply: Reply,
    duration_ms: float,
    observed: Sequence[ObservedCall],
    mask: Mask,
) -> CallReport:
    body = reply.body if isinstance(reply.body, bytes) else b""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.all_headers}
    return CallReport(
        composition.name,
        call.method,
        call.target,
        reply.status,
        duration_ms,
        headers,
        body,
        parse_server_timing(headers.get("server-timing", "")),
        tuple(_sent(each, request, mask) for each in observed),
        tuple(_stored(composition, reply, observed)),
        tuple(_failures(composition, reply, body, observed, mask)),
        dict(() if reply.account is None else reply.account.ambiguous),
    )


def _sent(each: ObservedCall, request: GatewayRequest, mask: Mask) -> SentRequest:
    call, answer = each.call, each.answer
    size, caching = 0, ""
    if isinstance(answer, UpstreamReply):
        size = len(answer.body)
        caching = mask.show(answer.header(b"cache-control") or "")
    return SentRequest(
        "" if call.operation is None else call.operation.name,
        call.method,
        mask.show(each.server.base + call.target),
        each.status,
        each.error,
        (each.started_at - request.started_at) * 1000,
        (each.ended_at - each.started_at) * 1000,
        size,
        caching,
    )


def _stored(
    composition: Composition, reply: Reply, observed: Sequence[ObservedCall]
) -> Iterable[str]:
    timings = () if reply.account is None else reply.account.timings
    outcomes = {each.step: each.outcome for each in timings}
    called = {each.call.operation.name for each in observed if each.call.operation is not None}
    for step in composition.steps:
        has_value = outcomes.get(step.name) == "ok"
        if step.cache is not None and has_value and step.operation.name not in called:
            yield step.name


def _failures(
    composition: Composition,
    reply: Reply,
    body: bytes,
    observed: Sequence[ObservedCall],
    mask: Mask,
) -> Iterable[Failure]:
    failures = () if reply.account is None else reply.account.failures
    steps = {step.name: step for step in composition.steps}
    for failed in failures:
        operation = steps[failed.step].operation
        status = failed.received_status
        words = _words(operation.name, operation.service, status, observed, mask)
        yield Failure(f"step {failed.step}", failed.reason, status, mask.show(failed.detail), words)
    if reply.status < 400:
        return
    document = json.loads(body) if body else {}
    for each in document.get("errors", ()):
        what = f"param {each['name']}" if "name" in each else "the body"
        yield Failure(what, document["reason"], None, each["detail"], "")
    if not failures and "errors" not in document:
        detail = mask.show(reply.facts.get("error.message", "") or document.get("detail", ""))
        yield Failure("the screen", document.get("reason", ""), None, detail, "")


def _words(
    operation: str,
    service: str,
    status: int | None,
    observed: Sequence[ObservedCall],
    mask: Mask,
) -> str:
    """What the service itself said with the reply that failed the step. A step without a token was
    not called: the authorization server speaks then."""
    own = [
        each for each in observed if each.call.operation and each.call.operation.name == operation
    ]
    tokens = [each for each in observed if each.call.operation is None]
    asked = own or [each for each in tokens if each.call.service == service]
    replies = [each.answer for each in asked if isinstance(each.answer, UpstreamReply)]
    if asked is not own:
        replies = [each for each in replies if each.status >= 400]  # else it holds a token
    found: Any = next((each for each in replies if each.status == status), None)
    if found is None and replies:
        found = replies[-1]
    if found is None or not found.body:
        return ""
    coding = found.header(b"content-encoding")
    return f"{len(found.body)} bytes of {mask.show(coding)}" if coding else mask.words(found.body)
