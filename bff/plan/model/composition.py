"""The compiled, immutable form of a project: what the engine runs and never changes.

Everything that can be known before a request stands here: types, closures, bytes, graphs and
digests. Nothing here knows a file's position, a socket or a clock. Built by `compile_project`
(`bff.plan.compiler.project`); read by the engine, the cache, the web hosts and the CLI.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from bff.plan.model.access import Access
from bff.plan.model.caching import CachePolicy, Scope, Tags
from bff.plan.model.identity import NO_IDENTITY, IdentityPlan
from bff.plan.model.limits import Limit
from bff.plan.model.payload import Join, ReplyHead, SelectableFields, Shape, View
from bff.plan.model.service import BodyFormat, CompositionParam, Service
from bff.plan.model.steps import Step


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins whose pages may read replies; exact origins only. With `credentials`, their
    requests may bring cookies. Browsers keep preflights for `max_age_seconds`."""

    origins: frozenset[str] = frozenset()
    credentials: bool = False
    max_age_seconds: float = 600.0


NO_CORS = Cors()


@dataclass(frozen=True, slots=True)
class CallBudget:
    """What a run may cost by its plan: calls in all, and calls one after the other. None where any
    number is fine."""

    calls: int | None = None
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective: the share `availability` of the requests is answered, and within
    `latency_seconds` where it is not None."""

    availability: float
    latency_seconds: float | None


@dataclass(frozen=True, slots=True)
class Composition:
    """One compiled endpoint.

    `path` alternates literal segments' text and the names of path params, a segment each:
    `("screens", "home", CompositionParam(user_id))`. `key_reads` are the inputs that can reach
    the payload, or its tags, by any path: `("params", "user_id")`, `("claims", "sub")`;
    `("params",)` or `("claims",)` alone mean all of them.
    """

    name: str
    file: str
    method: str
    path: tuple[str | CompositionParam, ...]
    path_text: str  # "/screens/home/{user_id}"
    summary: str
    access: Access
    params: tuple[CompositionParam, ...]
    body: BodyFormat | None  # None where no param is in it
    deadline_seconds: float
    steps: tuple[Step, ...]
    joins: tuple[Join, ...]
    payload: Shape
    views: Mapping[str, View]
    cache: CachePolicy | None  # None: not cached; never set for a composition that writes
    scope: Scope  # who may share a payload, by the paths of the plan
    is_public: bool  # declared `scope: public`: browsers and proxies may share a payload too
    tags: tuple[Tags, ...]  # of a cached payload
    purges: tuple[Tags, ...]  # of a composition that writes
    fields: SelectableFields | None  # what `?fields=` may name; None: it has no meaning
    key_reads: frozenset[tuple[str, ...]]
    digest: str  # of everything that shapes the payload, schemas included
    namespace: str  # part of every cache key; two projects share cached data only within one
    writes: bool
    head: ReplyHead | None = None  # None: 200, and no headers of its own
    budget: CallBudget = CallBudget()
    slo: Slo | None = None
    cors: Cors = NO_CORS
    limits: tuple[Limit, ...] = ()  # the project's, and its own


@dataclass(frozen=True, slots=True)
class Route:
    """A raw pass-through: everything below `prefix` goes to `service`.

    `timeout_seconds` bounds the wait for a reply's head, and each later silence.
    """

    prefix: str  # "/raw/orders", no trailing slash; "" for everything
    service: str
    strip: bool  # the prefix is taken off before forwarding
    purges: tuple[str, ...]  # tags that are purged when a write has gone through
    access: Access
    most_body_bytes: int | None  # of a request; None: any number
    timeout_seconds: float
    websocket: bool = False  # pages of the origins in `cors` may open WebSockets below it
    lends_credentials: bool = False  # its requests have the service's additions, and are its own
    forward: tuple[str, ...] = ()  # headers of requests that pass, too; in lower case
    returned: tuple[str, ...] = ()  # those of replies; in lower case
    cookies: tuple[str, ...] = ()  # the names of those that pass
    expose: tuple[str, ...] = ()  # headers that pages may read, as they are written
    cors: Cors = NO_CORS
    limits: tuple[Limit, ...] = ()  # the project's, and its own
    navigation: bool = False  # with a session's cookie, pages of the own origin may navigate to it


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Proxies whose word counts on who sent a request.

    Any that connects from one of the `networks`, or through a UNIX socket where `by_unix_socket`;
    `hops` stand one behind the other. `headers` are those that they write, in lower case.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]
    by_unix_socket: bool
    hops: int
    headers: frozenset[str]


@dataclass(frozen=True, slots=True)
class CompiledProject:
    """A whole project, compiled. One reference is swapped on reload; each request pins one.

    `release` is its name in metrics and the log: 12 hexadecimal digits, which change with any of
    its files, and with the versions of bff and pydantic. Wherever the same files are served, it is
    the same.
    """

    name: str
    services: Mapping[str, Service]
    compositions: tuple[Composition, ...]  # sorted by name
    routes: tuple[Route, ...]
    cors: Cors  # of replies that no endpoint gives
    release: str
    namespace: str  # separates cached data, tags and purges from those of other projects
    # The names of the environment without a value and a default: with any, it can't be served.
    wanted: tuple[str, ...] = ()
    identity: IdentityPlan = NO_IDENTITY
    trusted_proxies: TrustedProxies | None = None  # None: nobody's word counts
    limits: tuple[Limit, ...] = ()  # what is declared for the whole project
    failed_credentials: Limit | None = None  # declared or not; None: not counted
