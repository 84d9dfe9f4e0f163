"""The compiled form of what services offer and what requests bring: schemas, operations, params.

Immutable, like everything in a plan; see `bff.plan.model.steps` for what is built of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from bff.plan.model.expressions import Part, Template
from bff.plan.types.kinds import Type
from bff.secret import Secret
from bff.tls import TlsFiles


class Dropped(NamedTuple):
    """The elements of lists that `invalid: drop` left out: how many, and what is wrong with the
    first ones, for the log."""

    elements: int
    detail: str


class Schema(Protocol):
    """A pydantic type as the engine uses it; made by `bff.plan.schemas.library`. Thread-safe."""

    name: str  # as declared: "schemas.orders:OrderPage" or "list[schemas.orders:Order]"
    type: Type
    digest: str  # changes whenever the JSON schema or the module's source changes

    def narrowed(self, part: Part) -> "Schema | None":
        """The same without what lies outside of `part`, which is read as before; None where nothing
        can be left out."""

    def read(self, body: bytes, *, json: bool, text: bool) -> tuple[Any, bytes | None]:
        """Parse and validate JSON text: the results of `to_json` and of `to_bytes` for its value,
        None for the form that isn't wanted. Raises `ValueError`, with no input values in its text.
        """

    def read_sound(
        self, body: bytes, *, json: bool, text: bool
    ) -> tuple[Any, bytes | None, Dropped | None]:
        """The same without the elements of lists that are wrong, where the schema may leave them
        out, and what these were."""

    def validate(self, body: bytes) -> Any:
        """Parse and validate JSON text. Raises `ValueError`, with no input values in its text."""

    def validate_value(self, value: Any) -> Any:
        """Validate a JSON value (declared fallbacks and body params). Raises `ValueError`."""

    def to_bytes(self, value: Any) -> bytes:
        """The validated value's JSON text: serialization aliases, UTF-8, nothing undeclared."""

    def to_json(self, value: Any) -> Any:
        """The validated value's JSON form: dicts, lists, str, int, float, bool, None."""


# A body, its `Content-Type` and the most that its JSON text may weigh → that text, in UTF-8. Raises
# `ValueError`, with no input values in its text, and `TooLargeError`.
Decode = Callable[[bytes, str | None, int], bytes]
ReplyFormat = Literal["json", "ndjson", "csv", "xml", "text", "none"]

Location = Literal["path", "query", "header", "body", "form"]
# How a list or an object is written: `a=1&a=2`, `a=1,2`, `a=1 2`, `a=1|2`, `a[b]=1`.
Style = Literal["repeat", "comma", "space", "pipe", "deep_object"]
SEPARATORS: Mapping[Style, str] = {"comma": ",", "space": " ", "pipe": "|"}
BodyKind = Literal["fields", "json", "text", "form"]
Check = Callable[[Any], Any]  # returns the JSON value to use; raises `ValueError`


@dataclass(frozen=True, slots=True)
class BodyFormat:
    """How a body holds its params: as `fields` of one JSON object, as the one param's `json` or
    `text`, or as the pairs of a `form`."""

    kind: BodyKind
    media_type: str


@dataclass(frozen=True, slots=True)
class CompositionParam:
    """One typed input of a composition. Parsed by `bff.plan.params.compile`.

    `parse_text` takes the decoded text from path, query, header or form (for a list: every text,
    in order); `parse_members`, which an object in these has instead, takes the texts by what stands
    behind its name: `[a][b]`; `parse_json` takes the JSON value of a body field. All raise
    `ValueError` with what is wrong, for people, without the value itself.
    """

    name: str  # in expressions
    location: Location
    wire_name: str  # what a request has it under; of a header in lower case, of a whole body ""
    public_name: str  # the same as it is declared
    type: Type
    required: bool
    default: Any  # the JSON value used when absent; None when there is none
    is_list: bool
    style: Style
    parse_text: Callable[[list[str]], Any]
    parse_members: Callable[[Mapping[str, list[str]]], Any] | None
    parse_json: Check
    is_rest: bool  # the rest of the path, where `%2F` stays as it is


@dataclass(frozen=True, slots=True)
class OperationParam:
    """One typed input of an operation.

    `required` params have no default; a path param is always required. `check` takes the JSON value
    that the step binds and returns the one to send; it raises `ValueError` for a value that breaks
    the declared constraints.
    """

    name: str
    location: Location
    wire_name: str
    type: Type
    required: bool
    default: Any
    is_list: bool
    style: Style  # `comma` of a list that is one text by its place
    slash: bool  # a path param that may hold slashes
    check: Check


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is the value of `Proxy-Authorization`, a secret."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """How connections to a service are made, where not as to any other."""

    tls: TlsFiles | None = None
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What tokens are asked for with: for the gateway itself (RFC 6749 §4.4), or in exchange for a
    caller's (RFC 8693). `authorization` is the value of that header; `scope` may be empty."""

    url: str
    authorization: Secret
    scope: str
    audience: str | None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class CallerHeader:
    """A header that a service gets of its caller. `template` reads claims alone; null sends
    nothing. `name` is as it is declared."""

    name: str
    wire_name: bytes  # in lower case
    template: Template


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What a service learns of who calls the gateway: `headers` by the caller's claims, and a
    `token`: the caller's own, or one that this is exchanged for."""

    headers: tuple[CallerHeader, ...]
    token: Literal["relay"] | TokenRequest | None

    def is_caller_refused(self, status: int, *, identifies_gateway: bool) -> bool:
        """Whether a service refuses its caller by this status. Where it learns by headers who that
        is, and by other credentials that the gateway asks, a 403 is about the caller, and the rest
        about the gateway."""
        return self.token is not None or not identifies_gateway or status == 403


@dataclass(frozen=True, slots=True)
class Additions:
    """What each request to a service has beside what its operation states: `headers`, their names
    in lower case, a `query`, and a token where there is a request for one. `auth` describes for
    people how the gateway identifies itself; it is empty where it does not."""

    headers: tuple[tuple[str, str | Secret], ...]
    query: tuple[tuple[str, str | Secret], ...]
    tokens: TokenRequest | None
    auth: str

    @property
    def identify_gateway(self) -> bool:
        """Whether a service can tell by them who asks."""
        values = (value for _, value in (*self.headers, *self.query))
        return bool(self.auth) or any(isinstance(value, Secret) for value in values)


@dataclass(frozen=True, slots=True)
class Service:
    """An upstream. `instances` are base URLs without a trailing slash. `compression`: its replies
    to steps are asked for compressed, and decoded."""

    name: str
    instances: tuple[str, ...]
    timeout_seconds: float
    link: Link | None = None
    compression: bool = False
    additions: Additions | None = None
    disclosure: Disclosure | None = None

    @property
    def identifies_gateway(self) -> bool:
        """Whether the service can tell by its requests or connections that the gateway asks."""
        if self.additions is not None and self.additions.identify_gateway:
            return True
        return (
            self.link is not None and self.link.tls is not None and self.link.tls.cert is not None
        )


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The type of a body that comes with an error, and what makes JSON text of its bytes."""

    schema: Schema
    decode: Decode


@dataclass(frozen=True, slots=True)
class FailWhen:
    """Which replies, of those that say 2xx, report a failure. The root of `condition` has `reply`,
    the parsed body. `status` is the one that such a reply is taken to have; None for no status."""

    condition: Template
    status: int | None


@dataclass(frozen=True, slots=True)
class ReplyHeader:
    """A header of an operation's replies: `read` makes its value of its text, and raises
    `ValueError`; of a `Link` it is the target of the relation `rel`."""

    name: str  # in expressions
    wire_name: bytes  # in lower case
    type: Type
    rel: str | None
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that a service offers. `path` alternates literal text and path params; `errors`
    has the types of the bodies that come with some statuses.

    Replies of `reply_format` "json" are read as they come, and those that can't be read so are
    decoded. Others are decoded first (`decodes_first`); `delimiter` is that of "csv". Nobody reads
    those of "none".
    """

    name: str  # "orders.list_orders"
    service: str
    method: str
    path: tuple[str | OperationParam, ...]
    query: str  # the constant part of the query, encoded; "" where there is none
    params: tuple[OperationParam, ...]  # every one, the path's too
    body: BodyFormat | None  # None where no param is in it
    returns: Schema
    returns_list: bool  # every value that it returns is a list, or null
    timeout_seconds: float
    writes: bool  # by its method, unless it is a POST that declares `reads`
    digest: str  # of its declaration and its schemas
    reply_format: ReplyFormat
    decode: Decode
    decodes_first: bool = False
    drops_invalid: bool = False  # elements of lists that break the schema are left out
    delimiter: str = ","
    errors: Mapping[int, ErrorBody] = field(default_factory=dict)
    fail_when: FailWhen | None = None
    sends_own_credentials: bool = False  # the gateway's, so that the service knows who asks
    reply_headers: tuple[ReplyHeader, ...] = ()
    disclosure: Disclosure | None = None  # of the service's: each reply is one caller's

    @property
    def path_text(self) -> str:
        """The path with the names of its params: `/orders/{id}`."""
        return "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in self.path)
