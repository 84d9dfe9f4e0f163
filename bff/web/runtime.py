"""What one event loop holds for a project: transport, cache, engine, and the dispatcher on top.

Made on the loop that uses it and after any fork, since connections belong to both.
"""

from dataclasses import dataclass

from bff.cache.payload_cache import PayloadCache
from bff.cache.store import open_store
from bff.engine.executor import Engine
from bff.engine.ports import Transport
from bff.plan.nodes import CompiledProject
from bff.settings import Settings
from bff.upstream.passthrough import Passthrough
from bff.upstream.transports import open_transport
from bff.web.cors import CrossOrigin
from bff.web.dispatch import Dispatcher
from bff.web.handlers import CompositionHandler
from bff.web.logs import Log
from bff.web.pass_through import RouteHandler, take_turns
from bff.web.routing import RoutingTable


@dataclass(frozen=True, slots=True)
class Runtime:
    """A project at work. `close` it on its own loop."""

    dispatcher: Dispatcher
    transport: Transport
    cache: PayloadCache

    async def close(self) -> None:
        """End what is in flight and let go of every connection."""
        await self.cache.close()
        await self.transport.close()


async def open_runtime(project: CompiledProject, settings: Settings, log: Log) -> Runtime:
    """Put a compiled project to work on the running loop. Nothing is connected to yet."""
    transport = open_transport(settings.transport)
    store = open_store(settings.redis_url)
    cache = PayloadCache(store, memory_bytes=settings.cache_memory_bytes)
    engine = Engine(transport, project.services)
    passthrough = Passthrough(transport, project.services, take_turns(project))
    cross_origin = CrossOrigin(project)
    return Runtime(
        Dispatcher(
            RoutingTable(project.compositions, project.routes),
            {
                composition.name: CompositionHandler(composition, engine, cache)
                for composition in project.compositions
            },
            RouteHandler(passthrough, cross_origin),
            cross_origin,
            log,
        ),
        transport,
        cache,
    )
