"""`compositions/**/<name>.yaml`: one endpoint, its steps and its payload."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bff.declarations.endpoints import Endpoint, check_locations, default_location
from bff.declarations.findings import Declaration, Finding, refusal
from bff.declarations.forms import (
    VIEW_PARAM,
    WRITING_METHODS,
    Deadline,
    Duration,
    FromList,
    Label,
    Location,
    RootName,
)
from bff.declarations.param_models import ParamDecl, check_incoming_header, check_params
from bff.declarations.step_models import JoinDecl, StepDecl


class ShapeViewDecl(Declaration):
    """A view with a form of its own."""

    response: Any


Mask = tuple[str, ...]


def _view(value: Any) -> Any:
    """A list is a mask, a mapping a form of its own; told apart before pydantic looks inside."""
    if isinstance(value, dict):
        return ShapeViewDecl.model_validate(value)
    if not isinstance(value, list):
        raise refusal(
            Finding("this is no view", "List the paths that stay, or write {response: …}.")
        )
    if not value:
        raise refusal(Finding("a view of nothing", "List the paths that stay."))
    found = [
        Finding("a mask is a list of paths", "Write names with dots between.", (index,))
        for index, path in enumerate(value)
        if not isinstance(path, str)
    ]
    if found:
        raise refusal(*found)
    return tuple(value)


ViewDecl = Annotated[Mask | ShapeViewDecl, BeforeValidator(_view)]


class CacheDecl(Declaration):
    """How long a complete payload is served again."""

    ttl: Duration  # seconds


class CompositionFile(Declaration):
    """One declared endpoint. Whether `response` was given is in `model_fields_set`."""

    endpoint: Endpoint
    summary: str = ""
    params: dict[str, ParamDecl] = Field(default={})
    deadline: Deadline | None = None  # seconds; the gateway's default when None
    steps: dict[RootName, StepDecl] = Field(min_length=1)
    joins: Annotated[tuple[JoinDecl, ...], FromList] = ()
    response: Any = None
    views: dict[Label, ViewDecl] = Field(default={})
    cache: CacheDecl | None = None

    def locations(self) -> Mapping[str, Location]:
        """Where each param is, said or not."""
        return {
            name: param.location or default_location(name, self.endpoint)
            for name, param in self.params.items()
        }

    def findings(self) -> Iterator[Finding]:
        locations = self.locations()
        yield from check_locations(self.endpoint, "endpoint", locations)
        yield from check_params(self.params, locations)
        for name, location in locations.items():
            if name == VIEW_PARAM:
                yield Finding(
                    f"'{VIEW_PARAM}' asks for a view", "Give the param another name.",
                    ("params", name), at_key=True,
                )  # fmt: skip
            if location == "header" and (finding := check_incoming_header(name)):
                yield finding
        if self.cache is not None and self.endpoint.startswith(WRITING_METHODS):
            yield Finding(
                f"{self.endpoint.partition(' ')[0]} writes, so its replies are never cached",
                "Leave `cache` out.", ("cache",), at_key=True,
            )  # fmt: skip
