"""Every field of the log, in one table: its name, its type, and what it holds.

The names are those of the Elastic Common Schema (ECS), flat, with their dots, as its specification
for loggers allows. What ECS has no name for begins with `bff.`. A field has one type in all lines,
and is absent where it has no value: Elasticsearch refuses a line whose field is of another type
than before. The docs are made of this table.
"""

from typing import Final, Literal, NamedTuple

ECS_VERSION: Final = "8.17.0"

Dataset = Literal[
    "bff.access", "bff.audit", "bff.bug", "bff.fault", "bff.library", "bff.lost", "bff.upstream"
]
Type = Literal["date", "keyword", "keywords", "text", "texts", "long", "float", "boolean", "ip"]

DATASETS: Final[dict[Dataset, str]] = {
    "bff.access": "a request, once its reply is out",
    "bff.audit": "who did what, from where, and what came of it; refusals are among them",
    "bff.bug": "an exception that nobody foresaw",
    "bff.fault": "a slow step, or a reply that breaks its schema; for the same one a line a minute",
    "bff.library": "what the gateway's own parts report",
    "bff.lost": "lines that were lost while nobody read the log",
    "bff.upstream": "a call of a service, at the level `debug`",
}


class Field(NamedTuple):
    """One field. `type` is that of Elasticsearch's mapping; `keywords` and `texts` are lists.
    `datasets` are the lines that may have it, without `bff.`; none are all."""

    name: str
    type: Type
    meaning: str
    datasets: tuple[str, ...] = ()


_REQUEST: Final = ("access", "audit", "bug")
_CALL: Final = ("access", "audit", "bug", "upstream")

FIELDS: Final = (
    Field("@timestamp", "date", "when the line was made, UTC, to the millisecond"),
    Field("log.level", "keyword", "`debug`, `info`, `warning` or `error`"),
    Field("message", "text", "what people read first"),
    Field("ecs.version", "keyword", "the version of the Elastic Common Schema"),
    Field("event.dataset", "keyword", "the kind of the line"),
    Field(
        "service.name",
        "keyword",
        "`OTEL_SERVICE_NAME`, or `bff`; with traces, the name that they have",
    ),
    Field("service.version", "keyword", "the version of bff"),
    Field("event.kind", "keyword", "`event`, or `alert` of a fault, a bug or lost lines"),
    Field(
        "event.category",
        "keywords",
        "`web`; of audit lines `authentication`, `api` or `iam`",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.type",
        "keywords",
        "`access`; of audit lines what was done: `start`, `end`, `denied`, `deletion` …",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.action",
        "keyword",
        "of an audit line what was done, of a fault `slow step` or `schema break`",
        ("audit", "fault"),
    ),
    Field(
        "event.outcome",
        "keyword",
        "`success`, or `failure`: a status from 400 on, a reply that broke off, a failed call",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.reason",
        "keyword",
        "of an audit line why it failed, in the word of the problem document",
        ("audit",),
    ),
    Field(
        "event.duration",
        "long",
        "nanoseconds: of the request, the call, or the slowest step that the line stands for",
        ("access", "fault", "upstream"),
    ),
    Field("http.request.method", "keyword", "as it came, cut at 32 characters", _CALL),
    Field("http.request.id", "keyword", "the request's `X-Request-ID`", _REQUEST),
    Field(
        "http.response.status_code", "long", "499: the client left", ("access", "audit", "upstream")
    ),
    Field("http.response.body.bytes", "long", "bytes of the body", ("access", "upstream")),
    Field(
        "url.path",
        "keyword",
        "without the query, cut at 200 characters",
        ("access", "audit", "bug"),
    ),
    Field(
        "client.address",
        "keyword",
        "the client's address, as trusted proxies report it; of a command, its host",
        ("access", "audit"),
    ),
    Field("client.ip", "ip", "the same, where it is an IP address", ("access", "audit")),
    Field("user.id", "keyword", "who did it: see audit lines", ("audit",)),
    Field(
        "trace.id",
        "keyword",
        "the trace that the request's calls send to services, 32 hexadecimal digits",
        _CALL,
    ),
    Field(
        "error.type",
        "keyword",
        "the word of the problem document, or of a failed call; the class of a bug; of a schema"
        " break what is wrong, in pydantic's word",
        ("access", "bug", "fault", "library", "upstream"),
    ),
    Field(
        "error.message",
        "text",
        "what went wrong, in words that clients don't get",
        ("access", "bug", "library"),
    ),
    Field("error.stack_trace", "text", "the traceback, cut to 8 KiB", ("bug", "library")),
    Field("log.logger", "keyword", "the part that reports", ("library",)),
    Field("bff.composition", "keyword", "its name", ("access", "audit", "bug", "fault")),
    Field("bff.route", "keyword", "the prefix of the route", ("access", "audit", "bug")),
    Field("bff.release", "keyword", "the version of the project", ("access", "audit", "bug")),
    Field(
        "bff.view", "keyword", "the view, or `fields` where the client named fields", ("access",)
    ),
    Field(
        "bff.cache",
        "keyword",
        "`hit`, `stale`, `miss`, `collapsed`, `stale_if_error`, or `bypass`",
        ("access",),
    ),
    Field("bff.stored", "boolean", "true: the payload was stored", ("access",)),
    Field("bff.not_stored", "text", "why a payload can't be stored", ("access",)),
    Field("bff.outcome", "keyword", "of a composition: `ok`, `degraded`, `failed`", ("access",)),
    Field("bff.steps.ok", "keywords", "steps that have their values", ("access",)),
    Field("bff.steps.skipped", "keywords", "steps that were not called", ("access",)),
    Field("bff.steps.failed", "keywords", "steps that failed", ("access",)),
    Field("bff.steps.cancelled", "keywords", "steps that were cut short", ("access",)),
    Field(
        "bff.attempts",
        "long",
        "exchanges with instances: the calls of the steps, and the failed attempts; those of a run"
        " that requests share are in the line of the one that began it",
        ("access",),
    ),
    Field(
        "bff.failed_attempts",
        "long",
        "failed attempts: they found no connection, and their calls went on to another instance",
        ("access",),
    ),
    Field(
        "bff.degraded",
        "keywords",
        "`step:reason` of each step that degraded the payload, stored ones too",
        ("access",),
    ),
    Field(
        "bff.failed",
        "keywords",
        "`step:reason` of each failed step, where that failed",
        ("access",),
    ),
    Field(
        "bff.failures",
        "texts",
        "each failure of the run in words: step, reason, the service's status, what was wrong",
        ("access",),
    ),
    Field(
        "bff.step",
        "keyword",
        "the step that failed the composition, or is slow, or broken",
        ("access", "fault"),
    ),
    Field(
        "bff.dropped",
        "texts",
        "steps whose lists lack elements by `invalid: drop`: how many, and what is wrong with the"
        " first",
        ("access",),
    ),
    Field(
        "bff.ambiguous",
        "texts",
        "how many keys the source of a join repeats, of which the first counts: `path: count`",
        ("access",),
    ),
    Field(
        "bff.weight",
        "float",
        "how many requests the line stands for, where `BFF_LOG_SAMPLE` leaves lines out",
        ("access",),
    ),
    Field(
        "bff.purged",
        "keyword",
        "`everything that has tags`: a run had too many tags to purge one by one",
        ("access",),
    ),
    Field("bff.broken", "keyword", "why the reply broke off", ("access",)),
    Field("bff.received_bytes", "long", "of a WebSocket: what the client sent", ("access",)),
    Field(
        "bff.closed_by",
        "keyword",
        "of a WebSocket: `client`, `service`, `idle` or `gateway`",
        ("access",),
    ),
    Field("bff.app", "boolean", "true: the app behind the gateway answered", _REQUEST),
    Field("bff.tags", "text", "the tags of a purge, with commas between", ("audit",)),
    Field("bff.entries", "long", "how many entries a purge deleted", ("audit",)),
    Field("bff.sessions", "long", "how many sessions a logout ended", ("audit",)),
    Field("bff.key", "keyword", "the id of an API key", ("audit",)),
    Field("bff.service", "keyword", "the service that is called", ("upstream",)),
    Field("bff.instance", "keyword", "the base URL of its instance", ("upstream",)),
    Field("server.address", "keyword", "its host", ("upstream",)),
    Field("server.port", "long", "its port", ("upstream",)),
    Field("bff.operation", "keyword", "the operation", ("upstream", "fault")),
    Field("bff.template", "keyword", "the operation's path: `/orders/{id}`", ("upstream",)),
    Field("bff.field", "keyword", "the place in the reply: `items[].price`", ("fault",)),
    Field(
        "bff.count",
        "long",
        "how many faults, or lost lines, this line stands for",
        ("fault", "library", "lost"),
    ),
)
