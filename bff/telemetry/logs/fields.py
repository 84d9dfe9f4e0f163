"""Every field of the log, in one table: its name, its type, and what it holds.

The names are those of the Elastic Common Schema (ECS), flat, with their dots, as its specification
for loggers allows. What ECS has no name for begins with `bff.`. A field has one type in all lines,
and is absent without a value: Elasticsearch refuses a line with a field of another type than
before. The docs are made of this table.
"""

from typing import Final, Literal, NamedTuple

ECS_VERSION: Final = "8.17.0"

Dataset = Literal[
    "bff.access", "bff.audit", "bff.bug", "bff.fault", "bff.library", "bff.lost", "bff.upstream"
]
Type = Literal["date", "keyword", "keywords", "text", "texts", "long", "float", "boolean", "ip"]

DATASETS: Final[dict[Dataset, str]] = {
    "bff.access": "a request, once its reply is out",
    "bff.audit": "an action or a refusal: by whom, from where, with which outcome",
    "bff.bug": "an unexpected exception",
    "bff.fault": "a slow step, a reply that breaks its schema, or a write that was cut off; one"
    " line a minute for each fault",
    "bff.library": "a message of a part of the gateway",
    "bff.lost": "the number of lines that could not be written",
    "bff.upstream": "a call to a service, at the level `debug`",
}


class Field(NamedTuple):
    """One field. `type` is the type in Elasticsearch's mapping; `keywords` and `texts` are lists.
    `datasets` are the kinds of lines that may have it, without `bff.`; empty: all."""

    name: str
    type: Type
    meaning: str
    datasets: tuple[str, ...] = ()


_REQUEST: Final = ("access", "audit", "bug")
_CALL: Final = ("access", "audit", "bug", "upstream")

FIELDS: Final = (
    Field("@timestamp", "date", "when the line was made: UTC, with milliseconds"),
    Field("log.level", "keyword", "`debug`, `info`, `warning` or `error`"),
    Field("message", "text", "the text for people"),
    Field("ecs.version", "keyword", "the version of the Elastic Common Schema"),
    Field("event.dataset", "keyword", "the kind of the line"),
    Field(
        "service.name",
        "keyword",
        "`OTEL_SERVICE_NAME`, or `bff`; where traces are on, the service name that they have",
    ),
    Field("service.version", "keyword", "the version of bff"),
    Field("event.kind", "keyword", "`alert` for a fault, a bug or lost lines, else `event`"),
    Field(
        "event.category",
        "keywords",
        "`web`; in audit lines `authentication`, `api` or `iam`",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.type",
        "keywords",
        "`access`; in audit lines the kind of action: `start`, `end`, `denied`, `deletion` …",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.action",
        "keyword",
        "in audit lines the action; in lines of a fault `slow step`, `schema break` or `write in"
        " doubt`",
        ("audit", "fault"),
    ),
    Field(
        "event.outcome",
        "keyword",
        "`failure`: a status from 400 on, a reply that broke off, a failed call; else `success`",
        ("access", "audit", "upstream"),
    ),
    Field(
        "event.reason",
        "keyword",
        "why an audited action failed: the reason in the problem document",
        ("audit",),
    ),
    Field(
        "event.duration",
        "long",
        "nanoseconds that the request, the call or the slowest of the counted steps took",
        ("access", "fault", "upstream"),
    ),
    Field("http.request.method", "keyword", "as the client sent it, cut at 32 characters", _CALL),
    Field("http.request.id", "keyword", "the request's `X-Request-ID`", _REQUEST),
    Field(
        "http.response.status_code",
        "long",
        "499 where the client left",
        ("access", "audit", "upstream"),
    ),
    Field("http.response.body.bytes", "long", "bytes of the body", ("access", "upstream")),
    Field(
        "url.path",
        "keyword",
        "the path without the query, cut at 200 characters",
        ("access", "audit", "bug"),
    ),
    Field(
        "client.address",
        "keyword",
        "the client's address, as trusted proxies report it; for a command the name of its host",
        ("access", "audit"),
    ),
    Field("client.ip", "ip", "the same address, where it is an IP address", ("access", "audit")),
    Field("user.id", "keyword", "the caller or operator of an audited action", ("audit",)),
    Field(
        "trace.id",
        "keyword",
        "the id of the trace that services get: 32 hexadecimal digits",
        _CALL,
    ),
    Field(
        "error.type",
        "keyword",
        "the reason in the problem document, or of a failed call; the class of a bug; for a"
        " broken schema the kind of error that pydantic reports",
        ("access", "bug", "fault", "library", "upstream"),
    ),
    Field(
        "error.message",
        "text",
        "what went wrong, in more detail than clients get",
        ("access", "bug", "library"),
    ),
    Field("error.stack_trace", "text", "the traceback, cut to 8 KiB", ("bug", "library")),
    Field("log.logger", "keyword", "the part of the gateway that reports", ("library",)),
    Field(
        "bff.composition",
        "keyword",
        "the name of the composition",
        ("access", "audit", "bug", "fault"),
    ),
    Field("bff.route", "keyword", "the prefix of the route", ("access", "audit", "bug")),
    Field("bff.release", "keyword", "the version of the project", ("access", "audit", "bug")),
    Field("bff.view", "keyword", "the view; `fields` where the client named fields", ("access",)),
    Field(
        "bff.cache",
        "keyword",
        "`hit`, `stale`, `miss`, `collapsed`, `stale_if_error`, or `bypass`",
        ("access",),
    ),
    Field("bff.stored", "boolean", "true: the payload was stored", ("access",)),
    Field("bff.not_stored", "text", "why a payload can't be stored", ("access",)),
    Field(
        "bff.outcome",
        "keyword",
        "the outcome of a composition: `ok`, `degraded`, `refused` (a 4xx), `failed` (a 5xx)",
        ("access",),
    ),
    Field("bff.steps.ok", "keywords", "steps that succeeded", ("access",)),
    Field("bff.steps.skipped", "keywords", "steps that were not called", ("access",)),
    Field("bff.steps.failed", "keywords", "steps that failed", ("access",)),
    Field("bff.steps.cancelled", "keywords", "steps that were stopped", ("access",)),
    Field(
        "bff.attempts",
        "long",
        "exchanges with instances: the calls of the steps, and the failed attempts. Where requests"
        " share a run, the line of the request that began it has them",
        ("access",),
    ),
    Field(
        "bff.failed_attempts",
        "long",
        "attempts that got no connection, after which the call went to another instance",
        ("access",),
    ),
    Field(
        "bff.degraded",
        "keywords",
        "`step:reason` of each step that degraded the payload, also of a stored payload",
        ("access",),
    ),
    Field(
        "bff.failed",
        "keywords",
        "`step:reason` of each failed step, where the composition failed or refused",
        ("access",),
    ),
    Field(
        "bff.failures",
        "texts",
        "each failure in words: the step, the reason, the service's status, what was wrong",
        ("access",),
    ),
    Field(
        "bff.step",
        "keyword",
        "the step that failed the composition, is slow, or broke its schema",
        ("access", "fault"),
    ),
    Field(
        "bff.dropped",
        "texts",
        "steps whose lists lack elements because of `invalid: drop`: how many, and what is wrong"
        " with the first",
        ("access",),
    ),
    Field(
        "bff.ambiguous",
        "texts",
        "how many keys the source of a join repeats: `path: count`; the join uses the first",
        ("access",),
    ),
    Field(
        "bff.weight",
        "float",
        "how many requests the line stands for, where `BFF_LOG_SAMPLE` leaves out lines",
        ("access",),
    ),
    Field(
        "bff.purged",
        "keyword",
        "`everything that has tags`: a run had too many tags to purge one by one",
        ("access",),
    ),
    Field("bff.broken", "keyword", "why the reply broke off", ("access",)),
    Field("bff.received_bytes", "long", "bytes that the client sent on a WebSocket", ("access",)),
    Field(
        "bff.closed_by",
        "keyword",
        "who closed a WebSocket: `client`, `service`, `gateway`, or `idle` where nothing was sent",
        ("access",),
    ),
    Field("bff.app", "boolean", "true: the app behind the gateway answered", _REQUEST),
    Field("bff.tags", "text", "the tags of a purge, separated by commas", ("audit",)),
    Field("bff.entries", "long", "how many entries a purge deleted", ("audit",)),
    Field("bff.sessions", "long", "how many sessions a logout ended", ("audit",)),
    Field("bff.key", "keyword", "the id of an API key", ("audit",)),
    Field("bff.service", "keyword", "the service that is called", ("upstream",)),
    Field("bff.instance", "keyword", "the base URL of the service's instance", ("upstream",)),
    Field("server.address", "keyword", "the host of the instance", ("upstream",)),
    Field("server.port", "long", "the port of the instance", ("upstream",)),
    Field("bff.operation", "keyword", "the name of the operation", ("upstream", "fault")),
    Field("bff.template", "keyword", "the operation's path: `/orders/{id}`", ("upstream",)),
    Field("bff.field", "keyword", "the place in the reply: `items[].price`", ("fault",)),
    Field(
        "bff.count",
        "long",
        "how many faults or lost lines this line stands for",
        ("fault", "library", "lost"),
    ),
)
