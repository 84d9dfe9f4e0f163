"""A composition's handler, in two halves.

    lookup    synchronous, memory only: a fresh payload, a 304, or what is wrong with the request
    produce   asynchronous: everything else, ending in a reply whatever the upstreams do

Knows no host: requests come in as `GatewayRequest`, replies go out as `Reply`. Request ids, CORS
and what to do about bugs are the dispatcher's.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bff.cache.entries import Entry
from bff.cache.keys import KeyRecipe
from bff.cache.payload_cache import CacheResult, PayloadCache
from bff.engine.executor import Engine
from bff.engine.results import CompositionFailure, Produced
from bff.plan.nodes import Composition, MaskView
from bff.plan.params import BadParam, parse_params
from bff.web.bodies import WEIGHT_PER_BYTE, read_json_body
from bff.web.problems import problem
from bff.web.replies import Reply
from bff.web.requests import GatewayRequest
from bff.web.run_replies import failure_reply, run_facts, run_headers
from bff.web.variants import Variant, masked

_PAYLOAD = ""  # the view that is asked for by naming none
_RECENT_TARGETS = 4096
_RECENT_LENGTH = 512


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request comes to, once it is known to be right."""

    view: str
    params: Mapping[str, Any]


class CompositionHandler:
    """Serves one composition, on the loop that `engine` and `cache` were made on; `lookup` is
    safe on any thread. `clock` gives seconds since the epoch, as the cache's own does."""

    def __init__(
        self,
        composition: Composition,
        engine: Engine,
        cache: PayloadCache,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.writes = composition.writes
        self._composition = composition
        self._policy = composition.cache
        self._key = None if composition.cache is None else KeyRecipe(composition)
        self._engine = engine
        self._cache = cache
        self._clock = clock
        self.takes_body = composition.writes or any(
            param.location == "body" for param in composition.params
        )
        # What targets came to: their view and key. Reading params and digesting them takes 4 µs of
        # the 40 that a reply from memory takes in all.
        self._recent: dict[tuple[str, str], tuple[str, str]] = {}
        self._reads_headers = any(param.location == "header" for param in composition.params)
        # RFC 9211 §2.2: a write goes forward for its method, what isn't cached passes by.
        self._uncached = "method" if composition.writes else "bypass"
        self._hit_facts = {"composition": composition.name, "cache": "hit"}

    def lookup(self, request: GatewayRequest, path: Mapping[str, str]) -> Reply | None:
        """The reply, where memory has it or the request is wrong; else None."""
        if self._key is None:
            return None
        target = (request.raw_path, request.raw_query)
        known = self._recent.get(target)
        if known is None:
            asked = self._read(request, path, None)
            if isinstance(asked, Reply):
                return asked
            known = (asked.view, self._key(asked.params))
            self._remember(target, known)
        view, key = known
        entry = self._cache.lookup(key)
        if entry is None:
            return None
        variant: Variant | None = entry.variants.get(view)
        if variant is None:
            if len(entry.body) > self._engine.limits.off_loop_bytes:
                return None
            variant = self._keep(entry, view, self._cut(view, entry))
        return self._hit(request, entry, variant)

    async def produce(self, request: GatewayRequest, path: Mapping[str, str]) -> Reply:
        """The reply, whatever it takes. Raises `ClientGone`, cancellation and bugs alone."""
        body = b""
        if self.takes_body:
            read = await read_json_body(request)
            if isinstance(read, Reply):
                return self._named(read)
            body = read
        weight = WEIGHT_PER_BYTE * len(body)
        if weight > self._engine.limits.off_loop_bytes:
            asked = await self._engine.in_thread(self._read, request, path, body)
        else:
            asked = self._read(request, path, body or None)
        if isinstance(asked, Reply):
            return asked
        if self._key is None or self._policy is None:
            made = await self._engine.run(self._composition, asked.params, weight)
            return await self._made(request, asked, made, None, self._uncached)
        result = await self._cache.produce(
            self._key(asked.params),
            self._policy.ttl_seconds,
            lambda: self._engine.run(self._composition, asked.params, weight),
        )
        if result.outcome is not None and result.status != "hit":
            return await self._made(request, asked, result.outcome, result.entry, _told(result))
        if result.entry is None:
            raise AssertionError("the cache came to nothing")
        return self._hit(request, result.entry, await self._variant(result.entry, asked.view))

    async def _made(
        self,
        request: GatewayRequest,
        asked: _Asked,
        made: Produced | CompositionFailure,
        entry: Entry | None,
        forwarded: str,
    ) -> Reply:
        """The reply to what a run came to; `forwarded` says why there was one (RFC 9211)."""
        cache_status = (b"cache-status", f"bff; fwd={forwarded}".encode())
        if isinstance(made, CompositionFailure):
            reply = failure_reply(request, made, self._composition.params)
            reply.headers.append(cache_status)
        else:
            if entry is not None:
                variant = await self._variant(entry, asked.view)
            else:
                variant = Variant(await self._cut_anywhere(asked.view, made))
            headers = [cache_status, *run_headers(request, made)]
            reply = (variant.written if self.writes else variant.reply)(request, headers)
        reply.facts = {**reply.facts, "cache": forwarded, **run_facts(made)}
        return self._named(reply)

    def _remember(self, target: tuple[str, str], known: tuple[str, str]) -> None:
        if self._reads_headers or len(target[0]) + len(target[1]) > _RECENT_LENGTH:
            return
        if len(self._recent) >= _RECENT_TARGETS:
            self._recent.clear()  # rather than an order to keep, on every request
        self._recent[target] = known

    def _hit(self, request: GatewayRequest, entry: Entry, variant: Variant) -> Reply:
        reply = variant.hit(request, max(0, int(entry.expires_at - self._clock())))
        reply.facts = self._hit_facts
        return reply

    def _named(self, reply: Reply) -> Reply:
        reply.facts = {"composition": self._composition.name, **reply.facts}
        return reply

    async def _variant(self, entry: Entry, view: str) -> Variant:
        known: Variant | None = entry.variants.get(view)
        return known or self._keep(entry, view, await self._cut_anywhere(view, entry))

    def _keep(self, entry: Entry, view: str, body: bytes) -> Variant:
        variant = Variant(body)
        entry.keep(view, variant)
        return variant

    def _cut(self, view: str, payload: Entry | Produced) -> bytes:
        """The payload's bytes in one of its views."""
        if view == _PAYLOAD:
            return payload.body
        declared = self._composition.views[view]
        if isinstance(declared, MaskView):
            return masked(payload.body, declared.mask)
        return payload.views[view]

    async def _cut_anywhere(self, view: str, payload: Entry | Produced) -> bytes:
        """As `_cut`; a large payload is cut on a thread, so that the loop isn't held."""
        if view != _PAYLOAD and len(payload.body) > self._engine.limits.off_loop_bytes:
            return await self._engine.in_thread(self._cut, view, payload)
        return self._cut(view, payload)

    def _read(
        self, request: GatewayRequest, path: Mapping[str, str], body: bytes | None
    ) -> _Asked | Reply:
        """The view and the params that are asked for, or the problem with them."""
        view = self._view(request)
        if isinstance(view, Reply):
            return self._named(view)
        params = parse_params(
            self._composition.params,
            path=path,
            query=request.raw_query,
            headers=request.header_values,
            body=body,
        )
        if isinstance(params, list):
            return self._named(_bad_params(request, params))
        return _Asked(view, params)

    def _view(self, request: GatewayRequest) -> str | Reply:
        if "view" not in request.raw_query and "%" not in request.raw_query:
            return _PAYLOAD
        asked = [
            value
            for name, value in parse_qsl(request.raw_query, keep_blank_values=True)
            if name == "view"
        ]
        if not asked:
            return _PAYLOAD
        if len(asked) > 1:
            return problem(request, 400, "view_twice", "The query names more than one view.")
        views = sorted(self._composition.views)
        if asked[0] not in views:
            known = f"The views are: {', '.join(views)}." if views else "There are no views."
            return problem(
                request, 404, "unknown_view", f"There is no such view. {known}", views=views
            )
        return asked[0]


def _told(result: CacheResult) -> str:
    """How a run that the cache began is told of."""
    if result.status == "collapsed":
        return "miss; collapsed"
    return "miss; stored" if result.stored else "miss"


def _bad_params(request: GatewayRequest, bad: list[BadParam]) -> Reply:
    names = ", ".join(dict.fromkeys(each.name or "the body" for each in bad))
    errors = [
        {**({"name": each.name} if each.name else {}), "in": each.location, "detail": each.message}
        for each in bad
    ]
    return problem(request, 400, "bad_params", f"Bad params: {names}.", errors=errors)
