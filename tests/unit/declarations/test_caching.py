"""What files may say about caching, tags, purges and fields, and what is told where it is wrong."""

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.gateway import GatewayFile
from bff.declarations.models.service import ServiceFile
from tests.support.marks import without_mark

STEPS = "steps: {a: {call: s.o}}"
FILES = {"composition": CompositionFile, "service": ServiceFile, "gateway": GatewayFile}


def read(text: str) -> CompositionFile:
    found = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert found.document is not None
    assert found.problems == ()
    return found.document.model


def test_windows_left_out_are_ten_seconds_and_a_minute() -> None:
    cache = read(f"endpoint: GET /a\n{STEPS}\ncache: {{ttl: 30s}}\n").cache
    assert cache == CacheDecl(ttl="30s")
    assert cache is not None
    assert (cache.ttl, cache.stale, cache.stale_if_error) == (30.0, 10.0, 60.0)
    assert (cache.scope, cache.tags) == (None, ())


def test_windows_may_be_nothing() -> None:
    cache = read(
        f"endpoint: GET /a\n{STEPS}\ncache: {{ttl: 1s, stale: 0s, stale_if_error: 0ms}}\n"
    ).cache
    assert cache is not None
    assert (cache.stale, cache.stale_if_error) == (0.0, 0.0)


def test_composition_operation_and_step_say_it_alike() -> None:
    said = "{ttl: 1m, stale: 5m, stale_if_error: 1h, scope: identity, tags: ['a:${params.x}', b]}"
    composition = read(
        f"endpoint: GET /a\nsteps: {{a: {{call: s.o, cache: {said}}}}}\ncache: {said}\n"
    )
    service = read_document(
        "services/s.yaml",
        f"base: http://h\noperations: {{o: {{request: GET /, returns: 'x:Y', cache: {said}}}}}\n"
        .encode(),
        ServiceFile,
    )  # fmt: skip
    assert service.document is not None
    assert service.problems == ()
    cache = composition.cache
    assert cache == composition.steps["a"].cache == service.document.model.operations["o"].cache
    assert cache == CacheDecl(
        ttl="1m", stale="5m", stale_if_error="1h", scope="identity", tags=("a:${params.x}", "b")
    )


def test_stale_is_a_way_to_take_a_failure() -> None:
    steps = read("endpoint: GET /a\nsteps: {a: {call: s.o, on_failure: stale}}\n").steps
    assert steps["a"].on_failure == "stale"


def test_fields_is_a_name_for_a_param_where_nobody_may_ask_for_fields() -> None:
    declared = read(f"endpoint: GET /a\nparams: {{fields: {{type: string}}}}\n{STEPS}\n")
    assert declared.fields is None


def test_purges_of_a_composition_and_a_route_are_read() -> None:
    declared = read(f"endpoint: POST /a\n{STEPS}\npurges: ['cart:${{claims.sub}}', carts]\n")
    assert declared.purges == ("cart:${claims.sub}", "carts")
    found = read_document(
        "gateway.yaml", b"routes: {/raw: {service: s, purges: [orders, 'x y']}}", GatewayFile
    )
    assert found.problems == ()
    assert found.document is not None
    assert found.document.model.routes["/raw"].purges == ("orders", "x y")


READS = f"endpoint: GET /a\n{STEPS}\n"
WRITES = f"endpoint: POST /a\n{STEPS}\n"
SERVICE = "base: http://h\noperations:\n  o: {request: GET /, returns: 'x:Y', "

MISTAKES = {
    # which file it is, the file, the path, what is said, part of the remedy
    "no ttl": (
        "composition", f"{READS}cache: ▶{{stale: 1s}}", "cache", "needs the key 'ttl'", "",
    ),
    "ttl of nothing": (
        "composition", f"{READS}cache: {{ttl: ▶0s}}", "cache.ttl", "more than nothing", "",
    ),
    "ttl of more than a year": (
        "composition", f"{READS}cache: {{ttl: ▶8784.1h}}", "cache.ttl", "8784h at most", "",
    ),
    "window of more than a year": (
        "composition", f"{READS}cache: {{ttl: 8784h, stale: 8784h, stale_if_error: ▶9000h}}",
        "cache.stale_if_error", "8784h at most", "",
    ),
    "window without a unit": (
        "composition", f"{READS}cache: {{ttl: 1s, stale: ▶0}}", "cache.stale",
        "a duration has a unit", "1s",
    ),
    "window that is negative": (
        "composition", f"{READS}cache: {{ttl: 1s, stale_if_error: ▶-1s}}", "cache.stale_if_error",
        "no duration", "",
    ),
    "misspelt window": (
        "composition", f"{READS}cache: {{ttl: 1s, ▶stale_on_error: 1s}}", "cache.stale_on_error",
        "unknown key", "'stale_if_error'",
    ),
    "scope that isn't there": (
        "composition", f"{READS}cache: {{ttl: 1s, scope: ▶identiy}}", "cache.scope",
        "'identiy' means nothing here", "'identity'",
    ),
    "tags that are a text": (
        "composition", f"{READS}cache: {{ttl: 1s, tags: ▶home}}", "cache.tags",
        "'home' is not a list", "",
    ),
    "tag that is a number": (
        "composition", f"{READS}cache: {{ttl: 1s, tags: [a, ▶1]}}", "cache.tags[1]",
        "1 is not a text", "quotes",
    ),
    "tag that stands twice": (
        "composition", f"{READS}cache: {{ttl: 1s, tags: [a, b, ▶a]}}", "cache.tags[2]",
        "the tag 'a' is there twice", "Keep one",
    ),
    "misspelt key of a step's cache": (
        "composition", "endpoint: GET /a\nsteps: {a: {call: s.o, cache: {ttl: 1s, ▶tag: []}}}",
        "steps.a.cache.tag", "unknown key 'tag'", "'tags'",
    ),
    "purges of what reads": (
        "composition", f"{READS}▶purges: [a]", "purges", "GET reads", "Leave `purges` out",
    ),
    "purge that stands twice": (
        "composition", f"{WRITES}purges: [a, ▶a]", "purges[1]", "'a' is there twice", "Keep one",
    ),
    "fields without max": (
        "composition", f"{READS}fields: ▶{{}}", "fields", "needs the key 'max'", "",
    ),
    "no fields": (
        "composition", f"{READS}fields: {{max: ▶0}}", "fields.max", "0 is not at least 1", "",
    ),
    "too many fields": (
        "composition", f"{READS}fields: {{max: ▶101}}", "fields.max", "101 is not at most 100", "",
    ),
    "param called fields": (
        "composition", f"{READS}fields: {{max: 9}}\nparams: {{▶fields: {{type: string}}}}",
        "params.fields", "'fields' is reserved", "another name",
    ),
    "cache of an operation that writes": (
        "service",
        "base: http://h\noperations:\n  o: {request: PUT /, returns: 'x:Y', ▶cache: {ttl: 1s}}",
        "operations.o.cache", "PUT writes", "Leave `cache` out",
    ),
    "misspelt cache of an operation": (
        "service", f"{SERVICE}▶cach: {{ttl: 1s}}}}", "operations.o.cach", "unknown key", "'cache'",
    ),
    "tag of an operation that stands twice": (
        "service", f"{SERVICE}cache: {{ttl: 1s, tags: [a, ▶a]}}}}", "operations.o.cache.tags[1]",
        "'a' is there twice", "",
    ),
    "expression in what a route purges": (
        "gateway", "routes: {/raw: {service: s, purges: [a, ▶'b:${params.id}']}}",
        "routes./raw.purges[1]", "no values for expressions", "always the same",
    ),
    "empty tag of a route": (
        "gateway", "routes: {/raw: {service: s, purges: [▶'']}}", "routes./raw.purges[0]",
        "a tag needs a word for what it marks", "",
    ),
    "long tag of a route": (
        "gateway", f"routes: {{/raw: {{service: s, purges: [▶{'x' * 201}]}}}}",
        "routes./raw.purges[0]", "200 characters at most", "",
    ),
    "line break in a tag of a route": (
        "gateway", "routes: {/raw: {service: s, purges: [▶\"a\\nb\"]}}",
        "routes./raw.purges[0]", "control character", "one line",
    ),
    "blanks around a tag of a route": (
        "gateway", "routes: {/raw: {service: s, purges: [▶'a ']}}",
        "routes./raw.purges[0]", "blanks at an end", "Leave them out",
    ),
    "tag of a route that stands twice": (
        "gateway", "routes: {/raw: {service: s, purges: [a, ▶a]}}",
        "routes./raw.purges[1]", "'a' is there twice", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_told_at_its_place(case: str) -> None:
    kind, marked, path, what, mend = MISTAKES[case]
    text, line, column = without_mark(marked)
    (problem,) = read_document("x.yaml", text.encode(), FILES[kind]).problems
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.path == path
    assert what in problem.what
    assert mend in problem.mend
