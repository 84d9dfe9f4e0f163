"""What one event loop holds for a project: transport, cache, engine, and the dispatcher on top.

Made on the loop that uses it and after any fork, since connections belong to both.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bff.cache.cache import Cache
from bff.cache.replies import CachedReplies
from bff.cache.shared.opening import open_store
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyWork
from bff.engine.values.results import Limits
from bff.identity.ports import IdentityProvider
from bff.plan.model.composition import CompiledProject
from bff.settings import Settings
from bff.upstream.passthrough.passthrough import Passthrough
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Transport
from bff.upstream.transports import open_transport
from bff.web.compositions.handler import CompositionHandler
from bff.web.http.cors import CrossOrigin
from bff.web.http.logs import Log
from bff.web.serving.dispatch import Dispatcher
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import RoutingTable


@dataclass(frozen=True, slots=True)
class Runtime:
    """A project at work. `close` it on its own loop."""

    dispatcher: Dispatcher
    transport: Transport
    cache: Cache
    heavy_work: HeavyWork

    async def close(self) -> None:
        """End what is in flight and let go of every connection."""
        await self.cache.close()
        await self.transport.close()
        self.heavy_work.close()


async def open_runtime(
    project: CompiledProject,
    settings: Settings,
    log: Log,
    *,
    provider: IdentityProvider,
    backend: Mapping[str, Any] | None = None,
) -> Runtime:
    """Put a compiled project to work on the running loop; no upstream is connected to yet.
    `backend` is Flask-Caching's configuration, where another store than Redis is meant."""
    transport = open_transport(settings.transport)
    cache = Cache(
        partial(open_store, settings.redis_url, backend), memory_bytes=settings.cache_memory_bytes
    )
    heavy_work, limits = HeavyWork(), Limits()
    clock = asyncio.get_running_loop().time
    services = ServiceClient(transport, project.services, limits.reply_bytes, clock)
    engine = Engine(services, heavy_work, limits=limits, replies=CachedReplies(cache))
    passthrough = Passthrough(services)
    cross_origin = CrossOrigin(project)
    return Runtime(
        Dispatcher(
            RoutingTable(project.compositions, project.routes),
            {
                composition.name: CompositionHandler(
                    composition, engine, heavy_work, cache, provider
                )
                for composition in project.compositions
            },
            RouteHandler(passthrough, cross_origin, cache),
            cross_origin,
            log,
        ),
        transport,
        cache,
        heavy_work,
    )
