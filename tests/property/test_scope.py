"""Who is calling reaches what the declared references lead to, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.declarations.documents import read_document
from bff.declarations.models.access import CorsDecl
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.gateway import GatewayDefaults
from bff.declarations.models.identity import IdentityDecl
from bff.declarations.project import read_project
from bff.errors import Problem
from bff.plan.compiler.compositions import Defaults, compile_composition
from bff.plan.compiler.identity import CompiledIdentity
from bff.plan.compiler.limits import compile_project_limits
from bff.plan.compiler.roots import UNKNOWN_CLAIMS, root_of_claims
from bff.plan.compiler.services import Services, compile_services
from bff.plan.compiler.values import scope_within
from bff.plan.model.access import Access
from bff.plan.model.composition import Composition
from bff.plan.model.identity import NO_IDENTITY
from bff.plan.reporter import Reporter
from bff.plan.schemas.library import SchemaLibrary, load_schemas
from tests.support.examples import examples
from tests.support.projects import write_project

SERVICE = """
base: http://127.0.0.1:9
operations:
  get:
    request: GET /it
    params:
      a: {type: string, required: false}
      X-User: {in: header, type: string, required: false}
    returns: schemas.any:Any
    reply_headers: {h: {name: X-H}}
"""
# The same, of services that learn who calls.
TOLD = {
    "relayed": f"{SERVICE}auth: {{relay: true}}\n",
    "named": f"{SERVICE}caller_headers: {{X-Who: '${{claims.sub}}'}}\n",
}
MOST_STEPS = 5

# What an expression may read: who is calling, what says nothing of that, and steps by number.
IDENTITY = ("claims.sub", "claims", 'params."X-User"', "params")
PLAIN = ("params.q", "`1`")


@dataclass(frozen=True)
class Compiler:
    """Compiles texts of compositions over one service that takes and gives anything."""

    services: Services
    schemas: SchemaLibrary

    def __call__(self, text: str) -> tuple[Composition | None, list[str]]:
        found = read_document("compositions/a.yaml", text.encode(), CompositionFile)
        assert found.document is not None
        reporter = Reporter(found.document, list(found.problems))
        limits = compile_project_limits(
            scope_within(reporter, root_of_claims(UNKNOWN_CLAIMS)), (), "shop", IdentityDecl()
        )
        identity = CompiledIdentity(NO_IDENTITY, UNKNOWN_CLAIMS)
        defaults = Defaults(GatewayDefaults(), Access("public"), identity, CorsDecl(), limits)
        compiled = compile_composition("a", reporter, self.services, self.schemas, defaults, "shop")
        return compiled, [problem.path for problem in reporter.problems]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    folder = tmp_path_factory.mktemp("scope")
    write_project(
        folder, {}, services={"s": SERVICE, **TOLD}, schemas={"any": "from typing import Any\n"}
    )
    schemas = load_schemas(folder)
    problems: list[Problem] = []
    services = compile_services(read_project(folder), schemas, problems, [], "shop", UNKNOWN_CLAIMS)
    assert problems == []
    return Compiler(services, schemas)


OF_STEPS = ("a", "X-User", "when", "over", "error")
OF_THE_REST = ("from", "response", "view", "tag", "status", "header")


@dataclass(frozen=True)
class Place:
    """One place for an expression, and what stands there."""

    kind: str  # one of `OF_STEPS`, `OF_THE_REST`; or "told", of the service that a step calls
    reads: str


@dataclass(frozen=True)
class Drawn:
    """A composition as it was drawn: the places of each step, in order, and the others."""

    steps: tuple[tuple[Place, ...], ...]
    rest: tuple[Place, ...]

    def text(self, cache: str) -> str:
        return "\n".join(self._lines(cache))

    def _lines(self, cache: str) -> Iterator[str]:
        yield "endpoint: GET /a"
        yield "params:"
        yield "  q: {type: string, default: x}"
        yield "  X-User: {in: header, type: string, required: false}"
        yield "steps:"
        for index, places in enumerate(self.steps):
            said = {place.kind: place.reads for place in places}
            yield f"  s{index}:"
            yield f"    call: {said.get('told', 's')}.get"
            if bound := [key for key in ("a", "X-User") if key in said]:
                yield "    with:"
                yield from (f"      {key}: {_text(said[key])}" for key in bound)
            if "when" in said:
                yield f"    when: {_expression(said['when'])}"
            if "over" in said:
                yield "    for_each:"
                yield f"      over: {_expression('[' + said['over'] + ']')}"
                yield "      as: each"
                yield "      max: 9"
            if "error" in said:
                yield "    statuses:"
                yield f"      422: {{reply: 422, with: {{it: {_expression(said['error'])}}}}}"
        others = {place.kind: place.reads for place in self.rest}
        if "from" in others:
            yield "joins:"
            source = f"[{{id: `1`, it: {others['from']}}}]"
            yield f"  - {{into: s0, as: added, from: '{_quoted(source)}', match: {{id: id}}}}"
        yield f"response: {{it: {_expression(others.get('response', '`1`'))}}}"
        if "view" in others:
            yield f"views: {{v: {{response: {{it: {_expression(others['view'])}}}}}}}"
        if "status" in others:
            chosen = f"({others['status']}) && `201` || `200`"
            yield f"status: {_expression(f'[{chosen}][0]')}"
        if "header" in others:
            value = _expression(f"to_string({others['header']})", "/")
            yield f"headers: {{Location: {value}}}"
        tags = [_expression(f"to_string({others['tag']})", "t:")] if "tag" in others else []
        yield f"cache: {{ttl: 1m, {cache}tags: [{', '.join(tags)}]}}"


def _quoted(source: str) -> str:
    return source.replace("'", "''")


def _expression(source: str, before: str = "") -> str:
    return f"'{before}${{{_quoted(source)}}}'"


def _text(source: str) -> str:
    return _expression(f"to_string({source})")


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Half of them name nothing that says who is calling, so that both cases come often."""
    count = draw(st.integers(1, MOST_STEPS))
    is_plain = draw(st.booleans())
    sources = (*PLAIN, *PLAIN) if is_plain else (*PLAIN, *IDENTITY)

    def places(kinds: tuple[str, ...], known: list[str]) -> tuple[Place, ...]:
        chosen = draw(st.sets(st.sampled_from(kinds), max_size=2))
        reads = st.sampled_from((*sources, *known, *known))
        return tuple(Place(kind, draw(reads)) for kind in sorted(chosen))

    names = [f"s{index}" for index in range(count)]
    steps: list[tuple[Place, ...]] = [()] * count
    order = draw(st.permutations(range(count)))  # a step may stand before what it reads
    for position, index in enumerate(order):
        known = [each for other in order[:position] for each in read_of(names[other], steps[other])]
        steps[index] = places(OF_STEPS, known)
        if not is_plain and draw(st.integers(0, 3)) == 0:
            steps[index] = (*steps[index], Place("told", draw(st.sampled_from(sorted(TOLD)))))
    everything = [each for index in range(count) for each in read_of(names[index], steps[index])]
    return Drawn(tuple(steps), places(OF_THE_REST, everything))


def read_of(name: str, places: tuple[Place, ...]) -> list[str]:
    """What may be read of a step: its value, and a header of its reply where that is one."""
    is_one = all(place.kind != "over" for place in places)
    return [name, f"headers.{name}.h"] if is_one else [name]


def is_reached(composition: Drawn, index: int) -> bool:
    """By walking every reference back: whether one of them ends at who is calling."""
    return any(_leads_to_identity(composition, place) for place in composition.steps[index])


def _leads_to_identity(composition: Drawn, place: Place) -> bool:
    if place.reads in IDENTITY or place.kind == "told":
        return True
    if place.kind == "X-User" and place.reads != "`1`":
        return True  # it is sent as a header that says who is calling
    step = place.reads.removeprefix("headers.").removesuffix(".h")
    return step.startswith("s") and is_reached(composition, int(step[1:]))


@settings(max_examples=examples(80), deadline=None)
@given(composition=drawn())
def test_analysis_finds_what_walking_the_references_back_finds(
    compiler: Compiler, composition: Drawn
) -> None:
    compiled, problems = compiler(composition.text(""))
    assert compiled is not None, (problems, composition.text(""))
    reached = [is_reached(composition, index) for index in range(len(composition.steps))]
    assert [step.scope == "identity" for step in compiled.steps] == reached
    of_rest = any(_leads_to_identity(composition, place) for place in composition.rest)
    assert (compiled.scope == "identity") is (any(reached) or of_rest)


@settings(max_examples=examples(80), deadline=None)
@given(composition=drawn())
def test_public_compiles_only_where_nothing_of_the_caller_reaches_anything(
    compiler: Compiler, composition: Drawn
) -> None:
    compiled, problems = compiler(composition.text("scope: public, "))
    places: list[Any] = [*composition.rest, *(each for step in composition.steps for each in step)]
    if any(_leads_to_identity(composition, place) for place in places):
        assert compiled is None
        assert problems == ["cache.scope"]
    else:
        assert compiled is not None, problems
        assert compiled.is_public
