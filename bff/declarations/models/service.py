"""`services/<name>.yaml`: where a service is, and which operations it offers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from bff.declarations.declaration import Declaration, Violation, check_keys, refusal
from bff.declarations.environment.filling import ANY, EnvironmentUse
from bff.declarations.models.addresses import BaseUrl, ProxyUrl
from bff.declarations.models.auth import (
    AuthDecl,
    SentText,
    check_caller_headers,
    check_sent,
    names_sent,
)
from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.endpoint import (
    Effect,
    check_endpoint,
    check_reads,
    default_location,
    effect_of,
    never_cached,
    query_names,
    request_violations,
)
from bff.declarations.models.forms import (
    FromList,
    Location,
    MediaType,
    Timeout,
    identifier_violation,
)
from bff.declarations.models.param import OperationParamDecl
from bff.declarations.models.places import check_content_type, check_outgoing_header, wire_name
from bff.declarations.models.replies import ReplyHeaderDecl
from bff.declarations.models.statuses import ErrorSchemas, FailWhen
from bff.header_names import folded


def _distinct(urls: tuple[str, ...]) -> tuple[str, ...]:
    if not urls:
        raise refusal(Violation("no instance", "Give at least one address."))
    for index, url in enumerate(urls):
        if url in urls[:index]:
            raise refusal(Violation(f"{url} is there twice", "Keep one.", (index,)))
    return urls


NOTHING = "none"  # what an operation returns whose bodies nobody reads


class OperationDecl(Declaration):
    """One request that the service offers. A param's location left out is the path where the
    request names it, the query of GET and DELETE, and the body otherwise."""

    request: str
    reads: bool = False  # of a POST: it changes nothing
    params: dict[str, OperationParamDecl] = Field(default={})
    content_type: MediaType | None = None  # of the body; as its params have it when None
    returns: str  # a type: "schemas.orders:OrderPage", "dict[str, int]"; or "none"
    decode: Literal["json", "ndjson", "csv", "xml", "text"] = "json"
    delimiter: str = ","  # of csv
    invalid: Literal["fail", "drop"] = "fail"  # elements of lists that break the type
    timeout: Timeout | None = None  # seconds; the service's when None
    cache: CacheDecl | None = None  # of its replies
    error_types: ErrorSchemas = Field(default={}, alias="errors")  # pydantic types
    fail_when: FailWhen | None = None
    reply_headers: dict[str, ReplyHeaderDecl] = Field(default={})

    @property
    def effect(self) -> Effect | None:
        """Whether it changes anything; None where that is not known."""
        return effect_of(self.request, reads=self.reads) if self.knows("reads") else None

    @property
    def returns_nothing(self) -> bool:
        """Whether nobody reads the bodies of the replies."""
        return self.returns.strip() == NOTHING

    def locations(self) -> Mapping[str, Location]:
        """The location of each param, declared or by default."""
        return {
            name: param.location or default_location(name, self.request)
            for name, param in self.params.items()
        }

    def violations(self) -> Iterator[Violation]:
        wrong = request_violations(self.request)
        yield from check_endpoint(self, "request", self.request, wrong, self.params)
        for name, param in self.params.items():
            if param.location == "header" and (violation := check_outgoing_header(name, param)):
                yield violation
        constant = () if wrong else query_names(self.request)
        for name, location in self.locations().items():
            wire = wire_name(name, self.params[name])
            if location == "query" and wire in constant:
                yield Violation(
                    f"the request's own query has '{wire}' already", "Leave one of them out.",
                    ("params", name), at_key=True,
                )  # fmt: skip
        yield from check_content_type(self, self.params, self.locations())
        yield from check_reads(self, self.request)
        if self.cache is not None and self.effect == "writes":
            yield never_cached(self.request)
        yield from self._body_violations()
        yield from check_keys("reply_headers", self.reply_headers, identifier_violation)

    def _body_violations(self) -> Iterator[Violation]:
        if not self.knows("returns", "decode", "delimiter"):
            return
        given = self.model_fields_set
        if self.returns_nothing and "decode" in given:
            yield Violation(
                "nobody reads a body that is `none`", "Leave `decode` out, or name a type.",
                ("decode",), at_key=True,
            )  # fmt: skip
        if self.returns_nothing and self.knows("invalid") and self.invalid == "drop":
            yield Violation(
                "nobody reads a body that is `none`", "Leave `invalid` out, or name a type.",
                ("invalid",), at_key=True,
            )  # fmt: skip
        if "delimiter" in given and self.decode != "csv":
            yield Violation(
                "only csv has a delimiter", "Write decode: csv, or leave `delimiter` out.",
                ("delimiter",), at_key=True,
            )  # fmt: skip
        elif len(self.delimiter) != 1 or self.delimiter in '\r\n"\0':
            yield Violation(
                "a delimiter is one character", 'Write ";", "|" or "\\t".', ("delimiter",)
            )


class TlsDecl(Declaration):
    """Files in PEM, their paths from the project's folder or absolute, or secrets with their
    content: `ca` to trust instead of the system's authorities, `cert` and `key` to show to the
    service."""

    ca: SentText | None = None
    cert: SentText | None = None
    key: SentText | None = None

    def violations(self) -> Iterator[Violation]:
        if not self.knows("ca", "cert", "key"):
            return
        if self.cert is not None and self.key is None:
            yield Violation(
                "a certificate without its key", "Name the key's file: key: client.key.", ("cert",)
            )
        elif self.key is not None and self.cert is None:
            yield Violation(
                "a key without its certificate", "Name the certificate: cert: client.pem.", ("key",)
            )
        elif self.ca is None and self.cert is None and not self.errors:
            yield Violation(
                "names no file", "Name ca, or cert and key; or leave `tls` out.", at_key=True
            )


class ServiceFile(Declaration):
    """A service: `base` for one instance, or `instances` for several."""

    environment: ClassVar = EnvironmentUse(
        secrets=(("headers",), ("query",), ("auth",), ("tls",), ("proxy",)),
        expressions=(
            ("operations", ANY, "cache", "tags"),
            ("operations", ANY, "fail_when"),
            ("caller_headers", ANY),
        ),
    )

    base: BaseUrl | None = None
    instances: Annotated[tuple[BaseUrl, ...], FromList, AfterValidator(_distinct)] | None = None
    timeout: Timeout | None = None  # seconds; the gateway's default when None
    tls: TlsDecl | None = None
    proxy: ProxyUrl | None = None
    compression: Literal["on", "off"] = "off"
    headers: dict[str, SentText] = Field(default={})
    query: dict[str, SentText] = Field(default={})
    auth: AuthDecl | None = None
    caller_headers: dict[str, str] = Field(default={})  # expressions over the caller's claims
    operations: dict[str, OperationDecl] = Field(default={}, min_length=1)

    @property
    def instance_urls(self) -> tuple[str, ...]:
        """The base URLs, without a trailing slash."""
        return self.instances or ((self.base,) if self.base is not None else ())

    @property
    def has_own_credentials(self) -> bool:
        """Whether it states anything that every request has, and that is not the caller's."""
        own = {"headers", "query", "auth"}
        if self.auth is not None and self.auth.is_callers:
            own = {"headers", "query"}
        return not own.isdisjoint(self.model_fields_set)

    @property
    def learns_caller(self) -> bool:
        """Whether the service learns who calls the gateway."""
        return bool(self.caller_headers) or (self.auth is not None and self.auth.is_callers)

    def violations(self) -> Iterator[Violation]:
        yield from check_keys("operations", self.operations, identifier_violation)
        yield from check_sent(self.headers, self.query, self.auth)
        yield from check_caller_headers(self.caller_headers, self.headers, self.auth)
        yield from self._params_sent_already()
        if not self.knows("base", "instances"):
            return
        if self.base is None and self.instances is None:
            yield Violation("needs an address", "Say base: http://…, or list several as instances.")
        elif self.base is not None and self.instances is not None:
            yield Violation(
                "`base` and `instances` are one too many", "Keep one.", ("instances",), at_key=True
            )
        elif self.tls is not None and any(
            not url.startswith("https:") for url in self.instance_urls
        ):
            yield Violation(
                "`tls` beside an address of http", "Write https://…, or leave `tls` out.",
                ("tls",), at_key=True,
            )  # fmt: skip

    def _params_sent_already(self) -> Iterator[Violation]:
        headers, query = names_sent(self.headers, self.query, self.auth)
        of_caller = {folded(name): name for name in self.caller_headers}
        for operation_name, operation in self.operations.items():
            if not request_violations(operation.request):
                for name in query & set(query_names(operation.request)):
                    yield Violation(
                        f"every request to the service has '{name}' already",
                        "Take it out of the service's `query` or `auth`, or out of the request.",
                        ("operations", operation_name, "request"),
                    )
            for key, location in operation.locations().items():
                name = wire_name(key, operation.params[key])
                if location == "header" and folded(name) in of_caller:
                    yield Violation(
                        f"to the service '{name}' is '{of_caller[folded(name)]}', by which it"
                        " learns who calls",
                        "Take it out of `caller_headers`, or out of the params.",
                        ("operations", operation_name, "params", key),
                        at_key=True,
                    )
                    continue
                is_taken = name.lower() in headers if location == "header" else name in query
                if is_taken and location in ("header", "query"):
                    yield Violation(
                        f"every request to the service has '{name}' already",
                        "Take it out of `headers`, `query` or `auth`, or out of the params.",
                        ("operations", operation_name, "params", key),
                        at_key=True,
                    )
