"""A composition's handler, in four parts.

    read      synchronous: what the request asks for outside of its body, or the problem with it
    target    synchronous: the same for one caller
    lookup    synchronous, memory only: a payload that is there, or a 304
    produce   asynchronous: everything else; ends in a reply whatever the upstreams do

A request that brings a body has no target before that is read: `produce_with_body` does the rest.
Between `read` and what follows, the dispatcher asks whether the caller may have that. Knows no
host. Access, request ids, CORS and what to do about bugs are the dispatcher's.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from bff.cache.cache import Cache
from bff.cache.engine_results import payload_result
from bff.cache.entries import Entry
from bff.cache.keys import KeyRecipe
from bff.cache.results import Job, RunResult
from bff.deadline import Deadline, DeadlinePassed, WaitBudget
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyShare, HeavyWork
from bff.engine.values.outcomes import Reason
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    Inputs,
)
from bff.engine.values.trace import Trace
from bff.identity.ports import NOBODY, Identity
from bff.plan.model.composition import Composition
from bff.web.compositions.bodies import WEIGHT_PER_BYTE, BodyReader
from bff.web.compositions.forms import PayloadForms, vary_header
from bff.web.compositions.outcome_replies import (
    cache_status,
    failure_reply,
    forwarded,
    hit_account,
    is_stale,
    run_account,
    run_facts,
    run_headers,
)
from bff.web.compositions.request import CompositionRequest, PayloadForm, RequestReader
from bff.web.compositions.variants import Variant
from bff.web.http.codings import choose_coding
from bff.web.http.problems import problem
from bff.web.http.replies import CacheState, Reply
from bff.web.http.requests import GatewayRequest


class Target(NamedTuple):
    """What a request asks for, and who: `NOBODY` where the payload doesn't depend on that. `key` is
    "" where the composition is not cached; `weight` is what the params weigh, where that is much
    (see `bff.engine.steps.bodies`)."""

    request: CompositionRequest
    caller: Identity
    key: str
    weight: int = 0


class CompositionHandler:
    """Serves one composition on `loop`, which `engine` and `cache` were made on; `read`, `target`
    and `lookup` are safe on any thread. `caller_headers` are the headers by which callers are
    identified, `origins` those of `cors`. `clock` gives seconds since the epoch, as the cache's own
    does."""

    def __init__(
        self,
        composition: Composition,
        engine: Engine,
        heavy_work: HeavyWork,
        cache: Cache,
        loop: asyncio.AbstractEventLoop,
        *,
        caller_headers: Sequence[str] = (),
        body_bytes: int,
        origins: Collection[str] = (),
        clock: Callable[[], float],
    ) -> None:
        self.writes = composition.writes
        self.takes_body = composition.method != "GET"
        headers = [param.wire_name for param in composition.params if param.location == "header"]
        by_identity = composition.scope == "identity"
        asks = by_identity or composition.access.kind != "public"
        vary = vary_header([*headers, *(caller_headers if asks else ())])
        # Whether what is read of a request depends on its line alone.
        self.is_in_line = not (headers or self.takes_body)
        self.depends_on_caller = by_identity
        self._discloses = any(step.operation.disclosure is not None for step in composition.steps)
        self._composition = composition
        self._policy = composition.cache
        self._key = None if composition.cache is None else KeyRecipe(composition)
        self._reader = RequestReader(composition)
        self._prepared = engine.prepare(composition)
        self._forms = PayloadForms(composition, vary, engine.limits.off_loop_bytes)
        self._engine = engine
        self._heavy_work = heavy_work
        self._cache = cache
        self._loop = loop
        self._body_reader = BodyReader(composition.body, body_bytes, origins)
        self._clock = clock
        # RFC 9211 §2.2: a write goes forward for its method, what isn't cached passes by.
        self._uncached = "method" if composition.writes else "bypass"

    def read(self, request: GatewayRequest, path: Mapping[str, str]) -> CompositionRequest | Reply:
        """What a request asks for outside of its body, or the problem with it."""
        return self._reader.read_head(request, path)

    def target(self, read: CompositionRequest, caller: Identity, weight: int = 0) -> Target:
        """What the caller asks for, once the whole request is read."""
        if not self.depends_on_caller:
            caller = NOBODY
        key = "" if self._key is None else self._key(read.params, caller.claims, caller.key)
        return Target(read, caller, key, weight)

    def lookup(self, request: GatewayRequest, target: Target) -> Reply | None:
        """The reply, where memory has it; else None. Never waits."""
        if not target.key:
            return None
        state: CacheState = "hit"
        entry = self._cache.lookup(target.key)
        if entry is None:
            job = self._job(request, target, self._deadline())
            entry = self._cache.lookup_stale(job, accepts_stale=_accepts_stale(request))
            if entry is None:
                return None
            state = "stale"
        form = target.request.form
        variant = self._forms.at_once(entry, form, _coding(request))
        return None if variant is None else self._hit(request, form, entry, variant, state)

    async def produce_with_body(
        self, request: GatewayRequest, head: CompositionRequest, caller: Identity
    ) -> Reply:
        """As `produce`, for a request of which only the head is read. Raises `ClientGone`."""
        body = await self._body_reader.read(request)
        if isinstance(body, Reply):
            return body
        deadline = self._deadline()
        weight = WEIGHT_PER_BYTE * len(body)
        if weight <= self._engine.limits.off_loop_bytes:
            read = self._reader.read_body(request, head, body)
        else:
            try:
                heavy = self._heavy_work.share(deadline)
                read = await heavy.run(self._reader.read_body, request, head, body)
            except DeadlinePassed:
                return self._too_late(request)
        if isinstance(read, Reply):
            return read
        return await self.produce(request, self.target(read, caller, weight), deadline)

    async def produce(
        self, request: GatewayRequest, target: Target, deadline: Deadline | None = None
    ) -> Reply:
        """The reply, whatever it takes, by the deadline; by one that begins now where none is
        given. Raises cancellation and bugs alone."""
        deadline = deadline or self._deadline()
        heavy = self._heavy_work.share(deadline)
        try:
            if not target.key:
                made = await self._run_for(target, request.trace, deadline, None)
                if made.purges:
                    await self._cache.purge(made.purges)
                if self.writes:  # only the reply reports what was written: it has its own time
                    heavy = self._heavy_work.share(deadline.renewed())
                return await self._made(request, target, made, None, self._uncached, heavy)
            job = self._job(request, target, deadline)
            request.trace.begin_cache()
            served = await self._cache.get(job, accepts_stale=_accepts_stale(request))
            request.trace.end_cache(served.maker)
            if served.how in ("hit", "stale") and served.entry is not None:
                variant = await self._stored(request, target, served.entry, heavy)
                return self._hit(request, target.request.form, served.entry, variant, served.how)
            # Clients may not store what the cache does not, because a purge has passed it for
            # instance. What another worker made is stored there.
            is_kept = served.stored or served.how == "error" or served.outcome is None
            entry = served.entry if is_kept else None
            why_forwarded = forwarded(served)
            return await self._made(request, target, served.outcome, entry, why_forwarded, heavy)
        except DeadlinePassed:
            return self._too_late(request)

    def _deadline(self) -> Deadline:
        return Deadline.after(self._composition.deadline_seconds, self._loop.time)

    def _job(self, request: GatewayRequest, target: Target, deadline: Deadline) -> Job:
        wait_budget, trace = WaitBudget(), request.trace
        scope = self._composition.scope

        async def run(deadline: Deadline) -> RunResult:
            return payload_result(await self._run_for(target, trace, deadline, wait_budget), scope)

        async def refresh(deadline: Deadline) -> RunResult:
            anew = trace.of_refresh()
            return payload_result(await self._run_for(target, anew, deadline, wait_budget), scope)

        if self._policy is None:
            raise AssertionError("what isn't cached has no job")
        name, policy = self._composition.name, self._policy
        return Job(name, target.key, policy, run, deadline, wait_budget, refresh, trace)

    async def _run_for(
        self,
        target: Target,
        trace: Trace,
        deadline: Deadline,
        wait_budget: WaitBudget | None,
    ) -> CompositionResult:
        caller = target.caller
        inputs = Inputs(
            target.request.params,
            caller.claims,
            caller.key,
            target.weight,
            deadline,
            wait_budget,
            trace,
            caller if self._discloses else None,
        )
        return await self._engine.run(self._prepared, inputs)

    async def _made(
        self,
        request: GatewayRequest,
        target: Target,
        made: CompositionResult | None,
        entry: Entry | None,
        why_forwarded: str,
        heavy: HeavyShare,
    ) -> Reply:
        """The reply to what a run came to (None for another worker's), or to the entry that is
        kept of it, or is better than it; `why_forwarded` says why there was a run."""
        now = self._clock()
        headers = [cache_status(why_forwarded, entry, now)]
        if entry is None and isinstance(made, CompositionFailure):
            reply = failure_reply(request, made, self._composition.params)
            reply.headers = [*reply.headers, *headers]
        else:
            if made is not None:
                headers += run_headers(request, made)
            if entry is not None:
                variant = await self._stored(request, target, entry, heavy)
                age = max(0, int(now - entry.stored_at))
                if age or is_stale(why_forwarded):  # RFC 9111 §5.1: not what was made just now
                    headers.append((b"age", b"%d" % age))
            elif isinstance(made, CompositionPayload):
                variant = await self._forms.uncached(made, target.request.form, heavy)
            else:
                raise AssertionError("the cache came to nothing")
            reply = variant.written(headers) if self.writes else variant.reply(request, headers)
        reply.account = run_account(target.request.form.view, why_forwarded, made, entry)
        facts = run_facts(why_forwarded, made)
        reply.facts = {**reply.facts, **facts} if reply.facts else facts
        return reply

    async def _stored(
        self, request: GatewayRequest, target: Target, entry: Entry, heavy: HeavyShare
    ) -> Variant:
        return await self._forms.stored(entry, target.request.form, _coding(request), heavy)

    def _hit(
        self,
        request: GatewayRequest,
        form: PayloadForm,
        entry: Entry,
        variant: Variant,
        state: CacheState,
    ) -> Reply:
        age = int(self._clock() - entry.stored_at)  # may be below 0: another worker's clock
        left = int(entry.ttl_seconds) - age
        reply = variant.hit(request, age if age > 0 else 0, left)
        reply.account = hit_account(form.view, state, entry.flaw)
        return reply

    def _too_late(self, request: GatewayRequest) -> Reply:
        reason = Reason.DEADLINE
        text = f"The composition failed: {reason.explanation}."
        return problem(request, reason.client_status, reason.word, text)


def _coding(request: GatewayRequest) -> str:
    return choose_coding(request.header_list(b"accept-encoding"))


def _accepts_stale(request: GatewayRequest) -> bool:
    """Whether the client takes what is stale; one that reloads a page does not (RFC 9111
    §5.2.1)."""
    control = request.header_list(b"cache-control")
    if control is None:
        return True
    directives = {each.strip().lower() for each in control.split(b",")}
    return directives.isdisjoint((b"no-cache", b"max-age=0", b"no-store"))
