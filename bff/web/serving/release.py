"""What serves a project: resources, which last as long as the process, and releases of the project.

    Resources   connections, caches, the heavy-work thread: opened once, on the loop that uses them
    Release     one version of the project over them: built in milliseconds, never changed

A request uses the release that it began with. To serve another version is to build it and assign it
(`bff.web.gateway`). A release holds no connection and no thread, so none has to be closed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bff.cache.cache import Cache
from bff.cache.engine_results import CachedReplies
from bff.cache.shared.store import open_store
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyWork
from bff.engine.values.limits import Limits
from bff.errors import SettingsError
from bff.identity.issuers.issuers import Issuers
from bff.limits.meters import Meters
from bff.plan.model.composition import CompiledProject, Composition, Route
from bff.redis.store import SharedStore
from bff.settings import Settings
from bff.telemetry.logs.repeats import Complaints
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.process_watch import ProcessWatch
from bff.upstream.observed import ObservedTransport, Observers
from bff.upstream.passthrough.headers import RouteHeaders
from bff.upstream.passthrough.passthrough import Passthrough
from bff.upstream.passthrough.websockets import WebSockets
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Transport
from bff.upstream.transports import open_transport
from bff.web.compositions.handler import CompositionHandler
from bff.web.http.cors import CrossOrigins
from bff.web.serving.access import AccessControl
from bff.web.serving.caches import Caches
from bff.web.serving.dispatch import Dispatcher
from bff.web.serving.identity import Identities, OpenIdentity, ProviderParts
from bff.web.serving.limits import LimitControl
from bff.web.serving.metrics_endpoint import METRICS_PATH, MetricsEndpoint, refuse_taken_path
from bff.web.serving.own_endpoints import session_endpoints
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import RoutingTable
from bff.web.serving.websockets import WebSocketHandler
from bff.web.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Resources:
    """What one event loop holds, for every release; `clock` returns seconds since the epoch.
    `store` is Redis for what isn't cached, None without one. `close` it on that loop."""

    loop: asyncio.AbstractEventLoop
    transport: Transport
    caches: Caches
    store: SharedStore | None
    meters: Meters
    issuers: Issuers
    identities: Identities
    heavy_work: HeavyWork
    metrics: Metrics
    complaints: Complaints
    process_watch: ProcessWatch
    clock: Callable[[], float]

    async def close(self) -> None:
        """End what is in flight and let go of every connection."""
        await self.identities.close()
        await self.issuers.close()
        await self.caches.close()
        await self.meters.close()
        if self.store is not None:
            await self.store.close()
        await self.transport.close()
        self.heavy_work.close()
        self.process_watch.stop()
        self.complaints.close()


async def open_resources(
    settings: Settings,
    backend: Mapping[str, Any] | None,
    clock: Callable[[], float],
    telemetry: Telemetry,
    metrics: Metrics,
    observers: Observers,
) -> Resources:
    """Open a process's resources on the running loop, after any fork. No upstream is connected to
    yet. `backend` is Flask-Caching's configuration, where another store than Redis is meant;
    what is counted goes to `metrics`, and the `observers` see each upstream call."""

    complaints = Complaints()

    def open_cache(namespace: str) -> Cache:
        return Cache(
            partial(open_store, settings.redis_url, namespace, backend),
            memory_bytes=settings.cache_memory_bytes,
            clock=clock,
            metrics=metrics,
            complaints=complaints,
        )

    transport = open_transport(settings.transport, metrics)
    if observers.of_calls:
        transport = ObservedTransport(transport, observers, time.perf_counter)
    loop = asyncio.get_running_loop()
    url = settings.redis_url
    store = None if url is None else SharedStore(url, use="identity and limits")
    issuers = Issuers(metrics=metrics)
    return Resources(
        loop,
        transport,
        Caches(open_cache, metrics),
        store,
        Meters(store, settings.workers, metrics),
        issuers,
        Identities(ProviderParts(url, store, issuers, clock, telemetry, complaints)),
        HeavyWork(metrics),
        metrics,
        complaints,
        ProcessWatch(loop, metrics),
        clock,
    )


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project, ready to answer."""

    project: CompiledProject
    dispatcher: Dispatcher
    cache: Cache


def build_release(
    project: CompiledProject,
    resources: Resources,
    identity: OpenIdentity,
    telemetry: Telemetry,
    *,
    body_bytes: int,
    service_reply_bytes: int,
    metrics: MetricsEndpoint | None,
    url_prefix: str = "",
    is_guarded: bool = False,
) -> Release:
    """Build a release of a compiled project, on the loop of the resources. Compositions take bodies
    of `body_bytes` at most, and services' replies have `service_reply_bytes`. `url_prefix` stands
    before every public path; `is_guarded` says that an app decides who may ask, too. Raises
    `SettingsError`."""
    if project.wanted:
        wanted = ", ".join(project.wanted)
        raise SettingsError(f"the project was compiled without an environment, and wants {wanted}")
    compositions = [_shared_by_all(each, is_guarded=is_guarded) for each in project.compositions]
    loop, transport = resources.loop, resources.transport
    cache = resources.caches.of(project.namespace)
    limits = Limits(reply_bytes=service_reply_bytes)
    services = ServiceClient(
        transport,
        project.services,
        limits.reply_bytes,
        loop.time,
        resources.metrics,
        resources.complaints,
    )
    replies = CachedReplies(cache, resources.clock, resources.metrics)
    engine = Engine(
        services,
        resources.heavy_work,
        limits=limits,
        replies=replies,
        metrics=resources.metrics,
        observers=telemetry.run_observers,
        complaints=resources.complaints,
    )
    provider = identity.provider
    cross_origins = CrossOrigins(project, provider.headers)
    handlers = {
        each.name: CompositionHandler(
            each,
            engine,
            resources.heavy_work,
            cache,
            loop,
            caller_headers=provider.headers,
            body_bytes=body_bytes,
            origins=each.cors.origins,
            clock=resources.clock,
        )
        for each in compositions
    }
    headers = {
        each.prefix: RouteHeaders(
            each,
            project.services[each.service].instances,
            url_prefix,
            provider.headers if _is_private(project, each) else None,
        )
        for each in project.routes
    }
    routes = {
        each.prefix: RouteHandler(
            each,
            Passthrough(each, services, headers[each.prefix]),
            cross_origins.of(each.cors),
            cache,
            tells_caller=project.services[each.service].disclosure is not None,
        )
        for each in project.routes
    }
    sessions = identity.sessions
    access = AccessControl(
        provider,
        LimitControl(
            resources.meters,
            resources.metrics,
            project.failed_credentials,
            identity.costly_headers,
        ),
        None if sessions is None else sessions.plan.origin,
    )
    own = session_endpoints(project, identity, access, telemetry)
    if metrics is not None:
        refuse_taken_path(project)
        own[METRICS_PATH] = metrics
    methods = {path: each.methods for path, each in own.items()}
    dispatcher = Dispatcher(
        project,
        RoutingTable(project.compositions, project.routes, url_prefix, methods),
        handlers,
        routes,
        _websockets(project, services, headers, cross_origins),
        own,
        cross_origins,
        access,
        telemetry,
        url_prefix,
    )
    # Requests in flight hold the dispatcher.
    resources.caches.keep_for(dispatcher, project.namespace)
    resources.identities.keep_for(dispatcher, project.identity)
    return Release(project, dispatcher, cache)


def _websockets(
    project: CompiledProject,
    services: ServiceClient,
    headers: Mapping[str, RouteHeaders],
    cross_origins: CrossOrigins,
) -> dict[str, WebSocketHandler]:
    """What opens WebSockets, by the prefixes of the routes that have them."""
    handlers = {}
    for route in project.routes:
        if route.websocket:
            way = services.switching_way(route)
            if way is None:
                raise SettingsError(
                    "BFF_TRANSPORT: httpx opens no WebSockets, and a route has them:"
                    f" {route.prefix or '/'}. Use http1."
                )
            websockets = WebSockets(route, way, headers[route.prefix])
            handlers[route.prefix] = WebSocketHandler(
                route, websockets, cross_origins.of(route.cors)
            )
    return handlers


def _is_private(project: CompiledProject, route: Route) -> bool:
    """Whether not everybody gets the route's replies, or not the same."""
    learns_caller = project.services[route.service].disclosure is not None
    return route.access.kind == "authenticated" or learns_caller


def _shared_by_all(composition: Composition, *, is_guarded: bool) -> Composition:
    """The composition, whose payloads browsers and proxies may share only where everybody may ask
    for them."""
    if not composition.is_public or (composition.access.kind == "public" and not is_guarded):
        return composition
    return replace(composition, is_public=False)
