"""A composition's params, compiled from YAML, and a request's parts to parse them from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bff.declarations.documents import read_document
from bff.declarations.models.composition import CompositionFile
from bff.plan.model.service import CompositionParam
from bff.plan.params.compile import compile_composition_params
from bff.plan.params.parsing import BadParam, parse_params
from bff.plan.reporter import Reporter
from bff.plan.schemas.library import load_schemas

Params = tuple[CompositionParam, ...]

NO_SCHEMAS = load_schemas(Path(__file__).parent / "nowhere")


def compiled(params: str, endpoint: str = "GET /a") -> Params:
    """The params of a composition, as `params:` has them; they use no schemas."""
    text = f"endpoint: {endpoint}\nparams: {params}\nsteps: {{a: {{call: s.o}}}}\n"
    read = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert read.problems == ()
    assert read.document is not None
    reporter = Reporter(read.document, [])
    found = compile_composition_params(reporter, NO_SCHEMAS)
    assert reporter.problems == []
    return found


def parse(
    params: Params,
    query: str = "",
    *,
    path: Mapping[str, str] | None = None,
    headers: Mapping[str, list[str]] | None = None,
    body: bytes | None = None,
) -> dict[str, Any] | list[BadParam]:
    """What a request's parts come to; what isn't given is empty."""
    return parse_params(
        params,
        path=path or {},
        query=query,
        headers=lambda name: (headers or {}).get(name, []),
        body=body,
    )
