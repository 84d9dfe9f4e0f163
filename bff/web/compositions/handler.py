"""A composition's handler, in three parts.

    target    synchronous: what is asked for, or what is wrong with it
    lookup    synchronous, memory only: a payload that is there, or a 304
    produce   asynchronous: everything else, ending in a reply whatever the upstreams do

Knows no host: requests come in as `GatewayRequest`, replies go out as `Reply`. Request ids, CORS
and what to do about bugs are the dispatcher's.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bff.cache.cache import Cache
from bff.cache.entries import Entry
from bff.cache.freshness import Wish
from bff.cache.keys import KeyRecipe
from bff.cache.payloads import keepable
from bff.cache.results import Job, RunResult
from bff.deadline import Deadline, DeadlinePassed
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyShare, HeavyWork
from bff.engine.values.outcomes import Reason
from bff.engine.values.results import CompositionFailure, Inputs, Produced
from bff.engine.values.wait_budget import WaitBudget
from bff.identity.ports import IdentityProvider
from bff.plan.model.composition import Composition
from bff.web.compositions.bodies import WEIGHT_PER_BYTE, read_json_body
from bff.web.compositions.outcome_replies import (
    cache_status,
    degraded_headers,
    failure_reply,
    forwarded,
    is_stale,
    run_facts,
    run_headers,
)
from bff.web.compositions.payload_headers import payload_headers, vary_header
from bff.web.compositions.request import FIELDS, CompositionRequest, PayloadForm, Reader
from bff.web.compositions.variants import Variant, masked
from bff.web.http.codings import IDENTITY, LEAST_BYTES, choose_coding
from bff.web.http.logs import Facts
from bff.web.http.problems import problem
from bff.web.http.replies import RawHeader, Reply
from bff.web.http.requests import GatewayRequest

_MOST_FIELD_FORMS = 32  # kept with one entry: clients may ask for fields in endless ways


class Target(NamedTuple):
    """What a request comes to before anything is run."""

    handler: "CompositionHandler"
    key: str
    asked: CompositionRequest


class CompositionHandler:
    """Serves one composition, on the loop that `engine` and `cache` were made on; `lookup` is
    safe on any thread. `clock` gives seconds since the epoch, as the cache's own does."""

    def __init__(
        self,
        composition: Composition,
        engine: Engine,
        heavy_work: HeavyWork,
        cache: Cache,
        provider: IdentityProvider,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.writes = composition.writes
        self._composition = composition
        self._policy = composition.cache
        self._key = None if composition.cache is None else KeyRecipe(composition)
        self._reader = Reader(composition, provider)
        self._engine = engine
        self._prepared = engine.prepare(composition)
        self._heavy_work = heavy_work
        self._loop = asyncio.get_running_loop()
        self._cache = cache
        self._clock = clock
        self.takes_body = composition.writes or any(
            param.location == "body" for param in composition.params
        )
        headers = [param.wire_name for param in composition.params if param.location == "header"]
        by_identity = composition.scope == "identity"
        self._vary = vary_header([*headers, *(provider.headers if by_identity else ())])
        # Whether a request's line says all that its payload depends on.
        self.is_in_line = not (headers or by_identity or self.takes_body)
        self._uncached_headers = payload_headers(composition, None, self._vary)
        # RFC 9211 §2.2: a write goes forward for its method, what isn't cached passes by.
        self._uncached = "method" if composition.writes else "bypass"
        self._hit_facts = Facts(composition=composition.name, cache="hit")

    def target(self, request: GatewayRequest, path: Mapping[str, str]) -> Target | Reply | None:
        """What memory is to be asked for; or what is wrong with the request; None where memory
        can't have it."""
        if self._key is None:
            return None
        asked = self._reader.read(request, path, None)
        if isinstance(asked, Reply):
            return self._named(asked)
        return Target(self, self._key_of(asked), asked)

    def lookup(self, target: Target, request: GatewayRequest) -> Reply | None:
        """The reply, where memory has it; else None."""
        entry = self._cache.lookup(target.key)
        if entry is None:
            job = self._job(target.key, target.asked, 0, self._deadline())
            entry = self._cache.lookup_stale(job, _wish(request))
            if entry is None:
                return None
        return self._lookup_variant(request, entry, target.asked.cut)

    def _lookup_variant(
        self, request: GatewayRequest, entry: Entry, cut: PayloadForm
    ) -> Reply | None:
        coding = choose_coding(request.single.get(b"accept-encoding"))
        variant: Variant | None = entry.variants.get((cut.name, coding))
        if variant is None:
            if len(entry.body) > self._engine.limits.off_loop_bytes:
                return None
            variant = self._plain(entry, cut)
            if coding != IDENTITY:
                if len(variant.body) >= LEAST_BYTES:
                    return None
                self._keep(entry, (cut.name, coding), variant)
        return self._hit(request, entry, variant)

    async def produce(self, request: GatewayRequest, path: Mapping[str, str]) -> Reply:
        """The reply, whatever it takes. Raises `ClientGone`, cancellation and bugs alone."""
        try:
            return await self._produce(request, path)
        except DeadlinePassed:
            reason = Reason.DEADLINE
            said = f"The composition failed: {reason.said}."
            return self._named(problem(request, reason.client_status, reason.word, said))

    async def _produce(self, request: GatewayRequest, path: Mapping[str, str]) -> Reply:
        body = b""
        if self.takes_body:
            read = await read_json_body(request)
            if isinstance(read, Reply):
                return self._named(read)
            body = read
        deadline = self._deadline()
        heavy = self._heavy_work.share(deadline)
        weight = WEIGHT_PER_BYTE * len(body)
        if weight > self._engine.limits.off_loop_bytes:
            asked = await heavy.run(self._reader.read, request, path, body)
        else:
            asked = self._reader.read(request, path, body or None)
        if isinstance(asked, Reply):
            return self._named(asked)
        if self._key is None or self._policy is None:
            inputs = _inputs(asked, weight, deadline, None)
            made = await self._engine.run(self._prepared, inputs)
            if made.purges:
                await self._cache.purge(made.purges)
            return await self._made(request, asked, made, None, self._uncached, heavy)
        job = self._job(self._key_of(asked), asked, weight, deadline)
        served = await self._cache.get(job, _wish(request))
        if served.how in ("hit", "stale") and served.entry is not None:
            variant = await self._variant(request, served.entry, asked.cut, heavy)
            return self._hit(request, served.entry, variant)
        # What is not kept, because a purge has passed it for instance, is nobody else's to keep;
        # what another worker made is.
        is_kept = served.stored or served.how == "error" or served.outcome is None
        entry = served.entry if is_kept else None
        told = forwarded(served)
        return await self._made(request, asked, served.outcome, entry, told, heavy)

    def _deadline(self) -> Deadline:
        return Deadline.after(self._composition.deadline_seconds, self._loop.time)

    def _job(self, key: str, asked: CompositionRequest, weight: int, deadline: Deadline) -> Job:
        composition, patience = self._composition, WaitBudget()

        async def run(deadline: Deadline) -> RunResult:
            inputs = _inputs(asked, weight, deadline, patience)
            return keepable(await self._engine.run(self._prepared, inputs), composition.scope)

        if self._policy is None:
            raise AssertionError("what isn't cached has no job")
        return Job(composition.name, key, self._policy, run, deadline, patience)

    def _key_of(self, asked: CompositionRequest) -> str:
        if self._key is None:
            raise AssertionError("what isn't cached has no key")
        return self._key(asked.params, asked.identity.claims, asked.identity.key)

    async def _made(
        self,
        request: GatewayRequest,
        asked: CompositionRequest,
        made: Produced | CompositionFailure | None,
        entry: Entry | None,
        told: str,
        heavy: HeavyShare,
    ) -> Reply:
        """The reply to what a run came to (None for another worker's), or to the entry that is
        kept of it, or is better than it; `told` says why there was a run."""
        now = self._clock()
        headers = [cache_status(told, entry, now)]
        if entry is None and isinstance(made, CompositionFailure):
            reply = failure_reply(request, made, self._composition.params)
            reply.headers += headers
        else:
            if made is not None:
                headers += run_headers(request, made)
            if entry is not None:
                variant = await self._variant(request, entry, asked.cut, heavy)
                age = max(0, int(now - entry.stored_at))
                if age or is_stale(told):  # RFC 9111 §5.1: not what was made just now
                    headers.append((b"age", b"%d" % age))
            elif isinstance(made, Produced):
                cut = await self._cut_anywhere(asked.cut, made, heavy)
                variant = Variant(cut, self._uncached_headers)
            else:
                raise AssertionError("the cache came to nothing")
            reply = (variant.written if self.writes else variant.reply)(request, headers)
        reply.facts = {
            **reply.facts,
            "cache": told,
            **(run_facts(made) if made is not None else {}),
        }
        return self._named(reply)

    def _hit(self, request: GatewayRequest, entry: Entry, variant: Variant) -> Reply:
        age = int(self._clock() - entry.stored_at)  # may be below 0: another worker's clock
        left = int(entry.ttl_seconds) - age
        return variant.hit(request, age if age > 0 else 0, left, self._hit_facts)

    def _named(self, reply: Reply) -> Reply:
        reply.facts = {"composition": self._composition.name, **reply.facts}
        return reply

    # ------------------------------------------------------------------ forms of a payload

    async def _variant(
        self, request: GatewayRequest, entry: Entry, cut: PayloadForm, heavy: HeavyShare
    ) -> Variant:
        coding = choose_coding(request.single.get(b"accept-encoding"))
        known: Variant | None = entry.variants.get((cut.name, coding))
        if known is not None:
            return known
        if len(entry.body) > self._engine.limits.off_loop_bytes:
            plain = await heavy.run(self._plain, entry, cut)
        else:
            plain = self._plain(entry, cut)
        if coding == IDENTITY:
            return plain
        if len(plain.body) < LEAST_BYTES:
            self._keep(entry, (cut.name, coding), plain)
            return plain
        return await heavy.run(self._coded, entry, (cut.name, coding), plain)

    def _coded(self, entry: Entry, name: tuple[str, str], plain: Variant) -> Variant:
        """The variant in another coding. On the thread for heavy work, so that of many who wish
        for it first at once the first makes it."""
        known: Variant | None = entry.variants.get(name)
        if known is not None:
            return known
        coded = plain.encoded(name[1])
        self._keep(entry, name, coded)
        return coded

    def _plain(self, entry: Entry, cut: PayloadForm) -> Variant:
        known: Variant | None = entry.variants.get((cut.name, IDENTITY))
        if known is not None:
            return known
        standing: Sequence[RawHeader] = payload_headers(self._composition, entry, self._vary)
        if entry.flaw is not None:
            standing = [*standing, *degraded_headers(entry.flaw)]
        variant = Variant(_cut(cut, entry), standing)
        self._keep(entry, (cut.name, IDENTITY), variant)
        return variant

    def _keep(self, entry: Entry, name: tuple[str, str], variant: Variant) -> None:
        if name[0].startswith(FIELDS) and _count_fields(entry) >= _MOST_FIELD_FORMS:
            return
        entry.keep(name, variant)

    async def _cut_anywhere(self, cut: PayloadForm, payload: Produced, heavy: HeavyShare) -> bytes:
        """As `_cut`; a large payload is cut on a thread, so that the loop isn't held."""
        if len(payload.body) > self._engine.limits.off_loop_bytes:
            return await heavy.run(_cut, cut, payload)
        return _cut(cut, payload)


def _count_fields(entry: Entry) -> int:
    return sum(name.startswith(FIELDS) for name, _ in list(entry.variants))


def _cut(cut: PayloadForm, payload: Entry | Produced) -> bytes:
    """The payload's bytes in one of its forms."""
    if cut.mask is None:
        return payload.views[cut.name]
    return masked(payload.body, cut.mask) if cut.mask.fields else payload.body


def _inputs(
    asked: CompositionRequest, weight: int, deadline: Deadline, patience: WaitBudget | None
) -> Inputs:
    who = asked.identity
    return Inputs(asked.params, who.claims, who.key, weight, deadline, patience)


def _wish(request: GatewayRequest) -> Wish:
    """Whoever reloads a page means to see what is true now (RFC 9111 §5.2.1)."""
    control = request.single.get(b"cache-control")
    if control is None:
        return Wish()
    directives = {each.strip().lower() for each in control.split(b",")}
    return Wish(accepts_stale=directives.isdisjoint((b"no-cache", b"max-age=0", b"no-store")))
