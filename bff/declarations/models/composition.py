"""`compositions/**/<name>.yaml`: one endpoint, its steps and its payload."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from bff.declarations.declaration import Declaration, Violation, check_keys, refusal
from bff.declarations.models.access import Access, CorsDecl
from bff.declarations.models.caching import CacheDecl, FieldsDecl, TagTexts, repeated_tags
from bff.declarations.models.endpoint import (
    Effect,
    check_endpoint,
    check_reads,
    default_location,
    effect_of,
    endpoint_violations,
    method_of,
    never_cached,
    rest_param,
)
from bff.declarations.models.forms import (
    FIELDS_PARAM,
    VIEW_PARAM,
    Deadline,
    FromList,
    Location,
    MediaType,
    label_violation,
    root_name_violation,
)
from bff.declarations.models.gateway import BudgetDecl
from bff.declarations.models.heads import PayloadStatus, header_violations
from bff.declarations.models.limits import Limits, limit_violations
from bff.declarations.models.param import ParamDecl
from bff.declarations.models.places import (
    check_content_type,
    check_incoming_header,
    check_incoming_values,
    wire_name,
)
from bff.declarations.models.slo import SloDecl
from bff.declarations.models.step import JoinDecl, StepDecl, Validation


def _filled(value: Any) -> Any:
    if value is None:
        raise refusal(
            Violation("is empty: every payload would be null", "Fill it, or leave it out.")
        )
    return value


Response = Annotated[Any, BeforeValidator(_filled)]


class ShapeViewDecl(Declaration):
    """A view with a form of its own."""

    response: Response


Mask = tuple[str, ...]


def _view(value: Any, info: ValidationInfo) -> Any:
    """A list is a mask, a mapping a form; decided here, before pydantic looks inside."""
    if isinstance(value, dict):
        return ShapeViewDecl.model_validate(value, context=info.context)
    if not isinstance(value, list):
        raise refusal(
            Violation("this is no view", "List the paths that stay, or write {response: …}.")
        )
    if not value:
        raise refusal(Violation("a view of nothing", "List the paths that stay."))
    found = [
        Violation("a mask is a list of paths", "Write names with dots between.", (index,))
        for index, path in enumerate(value)
        if not isinstance(path, str)
    ]
    if found:
        raise refusal(*found)
    return tuple(value)


ViewDecl = Annotated[Mask | ShapeViewDecl, BeforeValidator(_view)]


class CompositionFile(Declaration):
    """One declared endpoint. Whether `response` was given is in `model_fields_set`."""

    endpoint: str
    reads: bool = False  # of a POST: it changes nothing
    summary: str = ""
    access: Access | None = None  # the gateway's default when None
    cors: CorsDecl = CorsDecl()
    limits: Limits = ()
    params: dict[str, ParamDecl] = Field(default={})
    content_type: MediaType | None = None  # of the body; as its params have it when None
    deadline: Deadline | None = None  # seconds; the gateway's default when None
    budget: BudgetDecl | None = None  # what it leaves out is the gateway's default
    slo: SloDecl | None = None
    validate_: Validation = Field(default="full", alias="validate")
    steps: dict[str, StepDecl] = Field(min_length=1)
    joins: Annotated[tuple[JoinDecl, ...], FromList] = ()
    status: PayloadStatus = 200
    headers: dict[str, str] = Field(default={})
    response: Response = None
    views: dict[str, ViewDecl] = Field(default={})
    cache: CacheDecl | None = None
    purges: TagTexts = ()
    fields: FieldsDecl | None = None

    @property
    def effect(self) -> Effect | None:
        """Whether it changes anything; None where that is not known."""
        return effect_of(self.endpoint, reads=self.reads) if self.knows("reads") else None

    def locations(self) -> Mapping[str, Location]:
        """The location of each param, declared or by default."""
        return {
            name: param.location or default_location(name, self.endpoint)
            for name, param in self.params.items()
        }

    def violations(self) -> Iterator[Violation]:
        yield from check_keys("steps", self.steps, root_name_violation)
        yield from check_keys("views", self.views, label_violation)
        wrong = endpoint_violations(self.endpoint)
        yield from check_endpoint(self, "endpoint", self.endpoint, wrong, self.params)
        if self.fields is not None and FIELDS_PARAM in self.views:
            yield Violation(
                f"metrics and the log call requests that name fields the view '{FIELDS_PARAM}'",
                "Give the view another name.", ("views", FIELDS_PARAM), at_key=True,
            )  # fmt: skip
        reserved = {VIEW_PARAM: "a view"} | ({FIELDS_PARAM: "fields"} if self.fields else {})
        locations = self.locations()
        for name, param in self.params.items():
            if (wire := wire_name(name, param)) in reserved:
                yield Violation(
                    f"'{wire}' is reserved for {reserved[wire]}", "Give the param another name.",
                    ("params", name), at_key=True,
                )  # fmt: skip
            if param.location == "header" and (violation := check_incoming_header(name, param)):
                yield violation
            yield from check_incoming_values(name, param, locations[name])
        yield from check_content_type(self, self.params, locations)
        rest = self.params.get(rest_param(self.endpoint) or "")
        if not wrong and rest is not None and rest.type not in (None, "string"):
            yield Violation(
                f"the rest of a path is a text, and this is {rest.type}", "Write type: string.",
                ("params", str(rest_param(self.endpoint)), "type"),
            )  # fmt: skip
        yield from check_reads(self, self.endpoint)
        effect = self.effect
        if self.cache is not None and effect == "writes":
            yield never_cached(self.endpoint)
        if self.purges and effect == "reads":
            yield Violation(
                f"{method_of(self.endpoint)} reads, so there is nothing to purge after it",
                "Leave `purges` out.", ("purges",), at_key=True,
            )  # fmt: skip
        yield from repeated_tags("purges", self.purges)
        yield from limit_violations(self.limits)
        yield from header_violations("headers", self.headers)
        if self.status == 204:
            yield from (
                Violation("a 204 has no body", f"Leave `{key}` out.", (key,), at_key=True)
                for key in ("response", "views", "fields")
                if key in self.model_fields_set
            )
