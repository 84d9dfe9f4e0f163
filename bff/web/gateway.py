"""A project, served: its settings, its log, and the release that requests begin with. No host.

    gateway = load_gateway(folder, settings)
    await gateway.open()                 # on the loop that serves
    begun = gateway.begin(request)       # Reply | Pending | None

Rules:
1. `begin` pins the current release: a request ends with the release it began with.
2. To serve another version of the project is one assignment, in `serve`. Requests in flight keep
   the version before, which goes when the last of them ends.
3. Resources are opened once a process, by the host that starts first. They belong to its loop.
"""

import asyncio
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bff.cache.cache import Cache
from bff.environment import Environment
from bff.identity.ports import IdentityProvider
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject
from bff.settings import Settings
from bff.telemetry.metrics.definitions.process import LOG_LINES_LOST
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.process import watch_process
from bff.upstream.call_counts import CallCounts
from bff.upstream.observed import Observer, Observers
from bff.web.http.destination import Destination
from bff.web.http.forwarding import ForwardingReader
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log, log_of
from bff.web.serving.identity import own_identity
from bff.web.serving.metrics_endpoint import (
    MetricsEndpoint,
    RenderMetrics,
    metrics_of_process,
)
from bff.web.serving.pending import Pending
from bff.web.serving.release import Release, Resources, build_release, open_resources
from bff.web.telemetry.domains import label_domains
from bff.web.telemetry.served_release import note_release
from bff.web.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from bff.web.telemetry.tracer import RequestTracer

_NO_METRICS_PORT = (
    "BFF_METRICS_PORT has no effect: `bff serve` alone listens at it."
    " Set BFF_METRICS_TOKEN, and scrape /metrics at the gateway's own port."
)

_log = logging.getLogger(__name__)


class Gateway:
    """Serves a compiled project on one event loop. `begin` is safe on any thread once it is open.

    `identity` identifies callers, in place of what the project declares; it is opened and closed
    with the resources. `backend` is Flask-Caching's configuration, where another store than Redis
    is meant. `clock` returns seconds since the epoch: the age of what is cached goes by it.
    `observe` sees each upstream call; at the log level `debug` the log does, too.
    """

    def __init__(
        self,
        project: CompiledProject,
        settings: Settings,
        *,
        identity: IdentityProvider | None = None,
        backend: Mapping[str, Any] | None = None,
        url_prefix: str = "",
        clock: Callable[[], float] = time.time,
        log: Log | None = None,
        observe: Observer | None = None,
    ) -> None:
        self.project = project
        self.settings = settings
        self.log = log or log_of(settings)
        self.metrics = Metrics()
        self.metrics.counter(LOG_LINES_LOST).watch((), lambda: self.log.lost_lines)
        self.tracer = _tracer(project, settings, self.metrics)
        counted = self.metrics if settings.has_metrics else None
        self.telemetry = Telemetry(self.log, counted, self.tracer, settings.slow_seconds)
        self.url_prefix = url_prefix
        self.is_guarded = False  # a host's app decides who may ask; set before `open`
        # Renders what /metrics shows, where that is more than this process; set before `open`.
        self.render_metrics: RenderMetrics | None = None
        self.resources: Resources | None = None
        self._identity = identity
        self._backend = backend
        self._clock = clock
        self._observers = self._observers_with(observe)
        self._release: Release | None = None
        self._opening = asyncio.Lock()
        self._forwarding = _forwarding_reader(project)

    async def open(self) -> Resources:
        """Open the resources on the running loop, and build the first release over them. Opens
        nothing where that is done. Raises `SettingsError`."""
        async with self._opening:
            if self.resources is None:
                resources = await open_resources(
                    self.settings,
                    self._backend,
                    self._clock,
                    self.telemetry,
                    self.metrics,
                    self._observers,
                )
                try:
                    if self.tracer is not None:
                        self.tracer.sender.open()
                    if self._identity is not None:
                        await self._identity.open()
                    self._assign(await self._build(self.project, resources))
                except BaseException:
                    await self._close(resources)
                    raise
                if self.settings.metrics_port is not None and self.render_metrics is None:
                    _log.warning(_NO_METRICS_PORT)
                watch_process(self.metrics, "worker")
                self.resources = resources  # last: from now on other threads may `begin`
            return self.resources

    async def serve(self, project: CompiledProject) -> None:
        """From now on, begin requests with a release of this version of the project. Runs on the
        loop of the resources."""
        if self.resources is None:
            raise RuntimeError("the gateway is not open")
        release = await self._build(project, self.resources)
        self.project = project
        self._forwarding = _forwarding_reader(project)
        self._assign(release)

    def locate(self, request: GatewayRequest) -> None:
        """Have a request say who sent it, where trusted proxies stand in front. Hosts call it once,
        before anything else is made of the request."""
        if self._forwarding is not None:
            self._forwarding.locate(request)
        if self.tracer is not None:
            request.tracing = self.tracer

    def begin(self, request: GatewayRequest) -> Reply | Pending | None:
        """The reply, where memory has it or the request is refused; else what takes waiting; None
        where nothing of the project's is at the path."""
        release = self._release or self._current  # the property takes a part of a microsecond
        return release.dispatcher.begin(request)

    @property
    def cache(self) -> Cache:
        """The cache of the current release."""
        return self._current.cache

    def finds(self, method: str, raw_path: str) -> bool:
        """Whether `begin` has anything for this method and path."""
        return self._current.dispatcher.finds(method, raw_path)

    def finish(self, request: GatewayRequest, reply: Reply) -> Reply:
        """A reply of a host's own, with what every reply of the gateway has."""
        return self._current.dispatcher.finish_own(request, reply)

    @property
    def app_destination(self) -> Destination:
        """The destination of requests that go to the app behind without `begin`."""
        return self._current.dispatcher.app

    async def close(self) -> None:
        """Close what `open` opened; it may be opened again. Runs on the loop of the resources."""
        resources, self.resources, self._release = self.resources, None, None
        if resources is not None:
            await self._close(resources)

    def abandon(self) -> Resources | None:
        """In a forked child: give up the resources, which stayed with the parent's loop, without
        closing them."""
        resources, self.resources, self._release = self.resources, None, None
        self._opening = asyncio.Lock()
        if resources is not None:
            resources.process_watch.abandon()
        self.telemetry.renew()
        if self.tracer is not None:
            self.tracer.sender.abandon()
        return resources

    async def _build(self, project: CompiledProject, resources: Resources) -> Release:
        own, plan = self._identity, project.identity
        identities = resources.identities
        return build_release(
            project,
            resources,
            await identities.of(plan) if own is None else own_identity(own, plan),
            self.telemetry,
            body_bytes=self.settings.body_bytes,
            service_reply_bytes=self.settings.service_reply_bytes,
            url_prefix=self.url_prefix,
            is_guarded=self.is_guarded,
            metrics=self._metrics_endpoint(resources),
        )

    def _metrics_endpoint(self, resources: Resources) -> MetricsEndpoint | None:
        token = self.settings.metrics_token
        if token is None:
            return None
        render = self.render_metrics or metrics_of_process(
            self.metrics, resources.heavy_work, resources.loop
        )
        return MetricsEndpoint(token, render)

    def _assign(self, release: Release) -> None:
        """Serve a release from now on, and end the series of what it has no more: again when the
        last request of the one before is over, which may have begun some anew."""
        before, self._release = self._release, release
        self.metrics.retain(label_domains(release.project, release.dispatcher.http_routes()))
        note_release(self.metrics, release.project, self._clock())
        if before is not None:
            loop = asyncio.get_running_loop()
            weakref.finalize(before.dispatcher, _end_series, self.metrics, loop).atexit = False
        if self.tracer is not None:
            self.tracer.release = release.project.release

    def _observers_with(self, observe: Observer | None) -> Observers:
        of_calls, of_breaks = [] if observe is None else [observe], []
        if self.settings.log_level == "debug":
            of_calls.append(self.log.upstream_call)
        if self.settings.has_metrics:
            counts = CallCounts(self.metrics)
            of_calls.append(counts.observe)
            of_breaks.append(counts.observe_break)
        if self.tracer is not None:
            of_calls.append(self.tracer.note)
            of_breaks.append(self.tracer.note_break)
        return Observers(tuple(of_calls), tuple(of_breaks))

    async def _close(self, resources: Resources) -> None:
        await resources.close()
        self.telemetry.close()
        if self._identity is not None:
            await self._identity.close()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.sender.close)

    @property
    def _current(self) -> Release:
        if self._release is None:
            raise RuntimeError("the gateway is not open")
        return self._release


def _end_series(metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
    """A release has gone, on whatever thread, and perhaps while another one is built: that one has
    series already which are unknown until it is assigned, in the same step of the loop."""
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(metrics.retain_known)


def _tracer(
    project: CompiledProject, settings: Settings, metrics: Metrics
) -> "RequestTracer | None":
    if settings.traces is None:
        return None
    from bff.web.telemetry.tracer import RequestTracer  # 50 ms and 10 MB that others don't pay

    return RequestTracer(settings.traces, metrics, settings.slow_seconds, project.release)


def _forwarding_reader(project: CompiledProject) -> ForwardingReader | None:
    proxies = project.trusted_proxies
    return None if proxies is None else ForwardingReader(proxies)


def load_gateway(
    folder: Path,
    settings: Settings,
    *,
    identity: IdentityProvider | None = None,
    backend: Mapping[str, Any] | None = None,
    url_prefix: str = "",
) -> Gateway:
    """The gateway of the project in `folder`, filled from this process's environment. `identity`
    identifies callers, in place of what the project declares. Raises `ProjectError`."""
    project = compile_project(folder, Environment(os.environ, settings.secrets_dir))
    return Gateway(project, settings, identity=identity, backend=backend, url_prefix=url_prefix)
