"""The way of a call to its service, composed once per service; for steps and routes alike.

From the wire upwards:

    send        one exchange with one instance of a `Transport`
    decoded     replies to steps, where the service has `compression: on`   `compression.py`
    balanced    the instance; the next one where nothing was sent           `balance.py`
    named       headers of the caller's claims, where the service has any   `disclosure.py`
    relayed     the caller's own token; or one that it is exchanged for     `exchange.py`
    authorized  a token of the gateway's own; once more after a 401         `authorized.py`
    added       the service's headers and query, where it has any           `additions.py`
    lent        a route's calls with all of these, and without the client's `lent.py`

What decides by instance belongs below `balanced` (a breaker that turns one instance away); what
sends a call again, or a second time beside the first, belongs above it, so that each attempt has
an instance of its own (a retry, a hedge). Each is a function from one way to another, in a file of
its own, and a line of `compose_way`; what replies to steps alone have is a line of `_send_of`. Ways
answer by the rules of `bff.engine.answers`.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.plan.model.composition import Route
from bff.plan.model.service import Additions, Disclosure, Link, Service, TokenRequest
from bff.telemetry.logs.repeats import Complaints
from bff.telemetry.metrics.families import Metrics
from bff.upstream.pipeline.additions import RenderedAdditions, added, render_additions
from bff.upstream.pipeline.authorized import authorized
from bff.upstream.pipeline.balance import Instances, RestCounts, Send, Way, balanced
from bff.upstream.pipeline.compression import Decoding, decoded
from bff.upstream.pipeline.disclosure import named, relayed
from bff.upstream.pipeline.exchange import ExchangedTokens, exchanged
from bff.upstream.pipeline.lent import lent
from bff.upstream.pipeline.tokens import TokenSource, client_credentials
from bff.upstream.ports import (
    Instance,
    SwitchedConnection,
    Switching,
    Transport,
    UpstreamStream,
)

T = TypeVar("T")

_REFUSAL_BYTES: Final = 64 * 1024  # of a reply that says no to an offered protocol


class Credentials(NamedTuple):
    """What the calls of one service have beside what steps state."""

    additions: RenderedAdditions
    tokens: TokenSource | None


class Disclosed(NamedTuple):
    """What one service learns of who calls; `tokens` where these are exchanged."""

    disclosure: Disclosure
    tokens: ExchangedTokens | None


def compose_way(
    send: Send[T],
    instances: Instances,
    credentials: Credentials | None = None,
    disclosed: Disclosed | None = None,
) -> Way[T]:
    """The way of one service's calls. The order matters: see above."""
    way = balanced(send, instances)
    if disclosed is not None:
        way = _of_caller(way, disclosed)
    if credentials is None:
        return way
    if credentials.tokens is not None:
        way = authorized(way, credentials.tokens)
    return added(way, credentials.additions)


def _of_caller(way: Way[T], disclosed: Disclosed) -> Way[T]:
    disclosure, tokens = disclosed
    if disclosure.headers:
        way = named(way, disclosure.headers)
    if tokens is not None:
        return exchanged(way, tokens)
    return relayed(way) if disclosure.token is not None else way


class ServiceClient:
    """Calls services by their names; the engine's `Services`.

    One per event loop, like its transport; any number of calls go on at once. A reply's body has
    at most `byte_cap` bytes; `clock` gives seconds from any start.
    """

    def __init__(
        self,
        transport: Transport,
        services: Mapping[str, Service],
        byte_cap: int,
        clock: Callable[[], float],
        metrics: Metrics | None = None,
        complaints: Complaints | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        self._complaints = complaints = complaints or Complaints()
        self._byte_cap = byte_cap
        self._decoding = Decoding(byte_cap)
        self._services = services
        self._instances = {
            name: Instances(service.instances, clock, RestCounts(metrics, name, service.instances))
            for name, service in services.items()
        }
        self._at = {
            name: {base: transport.at(base, service.link) for base in service.instances}
            for name, service in services.items()
        }
        self._credentials = {
            name: _credentials_of(service, service.additions, transport, clock, complaints)
            for name, service in services.items()
            if service.additions is not None
        }
        exchanges: dict[Hashable, ExchangedTokens] = {}
        self._disclosed = {
            name: _disclosed_of(
                service, service.disclosure, transport, clock, complaints, exchanges
            )
            for name, service in services.items()
            if service.disclosure is not None
        }
        self._fetch = {
            name: compose_way(
                self._send_of(service),
                self._instances[name],
                self._credentials.get(name),
                self._disclosed.get(name),
            )
            for name, service in services.items()
        }

    def fetch(
        self, call: ServiceCall, timeout_seconds: float, on_answer: OnAnswer[UpstreamReply]
    ) -> Handle:
        """Begin a call; the answer is the whole reply, within so many seconds."""
        return self._fetch[call.service](call, timeout_seconds, on_answer)

    def streaming_way(self, route: Route) -> Way[UpstreamStream]:
        """The way of a route's calls: the answer is the reply once its head is there. The timeout
        bounds the wait for it, and each later silence. Steps and routes see the same instances
        rest."""
        open_at = partial(_open_at, self._at[route.service], route.timeout_seconds)
        return self._route_way(route, open_at)

    def switching_way(self, route: Route) -> Way[SwitchedConnection | UpstreamReply] | None:
        """The way of a route's calls that offer another protocol: each comes to a connection that
        speaks it, or to a whole reply that says no. None where the transport knows no other
        protocol."""
        at = {
            base: instance
            for base, instance in self._at[route.service].items()
            if isinstance(instance, Switching)
        }
        return self._route_way(route, partial(_switch_at, at)) if at else None

    def _route_way(self, route: Route, send: Send[T]) -> Way[T]:
        """The way of a route's calls, which have nothing of the service's own unless declared, and
        what it learns of the caller always."""
        service = self._services[route.service]
        credentials = self._credentials.get(service.name) if route.lends_credentials else None
        disclosed = self._disclosed.get(service.name)
        way = compose_way(send, self._instances[service.name], credentials, disclosed)
        if credentials is None:
            return way
        return lent(way, credentials.additions, service, self._complaints)

    def _send_of(self, service: Service) -> Send[UpstreamReply]:
        send = partial(self._fetch_from, self._at[service.name])
        return decoded(send, self._decoding) if service.compression else send

    def _fetch_from(
        self,
        at: Mapping[str, Instance],
        base: str,
        call: ServiceCall,
        seconds: float,
        on_answer: OnAnswer[UpstreamReply],
    ) -> Handle:
        return at[base].fetch(call, on_answer, timeout_seconds=seconds, byte_cap=self._byte_cap)


def _credentials_of(
    service: Service,
    additions: Additions,
    transport: Transport,
    clock: Callable[[], float],
    complaints: Complaints,
) -> Credentials:
    request, tokens = additions.tokens, None
    if request is not None:
        call = client_credentials(service.name, request)
        server = _authorization_server(service, request, transport)
        tokens = TokenSource(call, server, service.timeout_seconds, clock, complaints)
    return Credentials(render_additions(additions), tokens)


def _disclosed_of(
    service: Service,
    disclosure: Disclosure,
    transport: Transport,
    clock: Callable[[], float],
    complaints: Complaints,
    exchanges: dict[Hashable, ExchangedTokens],
) -> Disclosed:
    """What the service learns, by `exchanges` that services share where they ask for the same."""
    request = disclosure.token
    if not isinstance(request, TokenRequest):
        return Disclosed(disclosure, None)
    key = (request, _link_to_server(service, request))
    tokens = exchanges.get(key)
    if tokens is None:
        server = _authorization_server(service, request, transport)
        tokens = ExchangedTokens(
            service.name, request, server, service.timeout_seconds, clock, complaints
        )
        exchanges[key] = tokens
    return Disclosed(disclosure, tokens)


def _authorization_server(
    service: Service, request: TokenRequest, transport: Transport
) -> Instance:
    scheme, host, *_ = urlsplit(request.url)
    return transport.at(f"{scheme}://{host}", _link_to_server(service, request))


def _link_to_server(service: Service, request: TokenRequest) -> Link | None:
    """The service's own way of connecting, where the same server gives the tokens."""
    is_same = urlsplit(request.url)[:2] in {urlsplit(url)[:2] for url in service.instances}
    return service.link if is_same else None


def _open_at(
    at: Mapping[str, Instance],
    timeout_seconds: float,
    base: str,
    call: ServiceCall,
    _: float,
    on_answer: OnAnswer[UpstreamStream],
) -> Handle:
    # Always with the same timeout, since it holds for later silences too.
    return at[base].open(call, on_answer, timeout_seconds=timeout_seconds)


def _switch_at(
    at: Mapping[str, Switching],
    base: str,
    call: ServiceCall,
    seconds: float,
    on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
) -> Handle:
    return at[base].switch(call, on_answer, timeout_seconds=seconds, byte_cap=_REFUSAL_BYTES)
