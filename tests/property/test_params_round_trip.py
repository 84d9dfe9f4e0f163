"""What an operation sends, a composition with the same param reads as the same value."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.engine.steps.requests import compile_renderer
from bff.engine.values.limits import Budget
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import Composition
from bff.plan.params.parsing import parse_params
from bff.web.serving.matches import ToComposition
from bff.web.serving.routing import RoutingTable
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project

SCHEMAS = f"""{SHOP_SCHEMAS}


class Range(BaseModel):
    least: float | None = None
    words: list[str] | None = None


class Filter(BaseModel):
    state: str | None = None
    ids: list[int] | None = None
    exact: bool | None = None
    range: Range | None = None
"""
LISTS = ("repeat", "comma", "space", "pipe")
PARAMS = {
    f"{place}_{style}": (
        f"{{in: {place}, type: array, items: {{type: string}}, style: {style}, name: 'a [b]&='}}"
    )
    for place in ("query", "form")
    for style in LISTS
} | {
    f"{place}_deep": (
        f"{{in: {place}, schema: schemas.shop:Filter, style: deep_object, name: 'f +'}}"
    )
    for place in ("query", "form")
}


@pytest.fixture(scope="module")
def compositions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Composition]:
    folder: Path = tmp_path_factory.mktemp("project")
    service = SHOP_SERVICE + "".join(
        f"  {name}:\n    request: POST /x\n    params: {{v: {param}}}\n"
        "    returns: schemas.shop:User\n"
        for name, param in PARAMS.items()
    )
    service += (
        "  rest:\n    request: GET /x/{path}\n    params: {path: {type: string, slash: true}}\n"
        "    returns: schemas.shop:User\n"
    )
    files = {
        name: f"endpoint: POST /{name}\nparams: {{v: {param}}}\n"
        f"steps: {{a: {{call: shop.{name}, with: {{v: '${{params.v}}'}}}}}}"
        for name, param in PARAMS.items()
    }
    files["rest"] = (
        "endpoint: GET /x/{path...}\nparams: {path: {type: string}}\n"
        "steps: {a: {call: shop.rest, with: {path: '${params.path}'}}}"
    )
    write_project(folder, files, services={"shop": service}, schemas={"shop": SCHEMAS})
    return {each.name: each for each in compile_project(folder).compositions}


def round_trip(composition: Composition, value: Any) -> Any:
    """What the composition reads of what its step sends."""
    render = compile_renderer(composition.steps[0].operation)
    sent = render({"v": value}, Budget(1_000_000, "requests"))
    query = sent.target.partition("?")[2]
    assert query.isascii()
    assert "[" not in query
    found = parse_params(
        composition.params, path={}, query=query, headers=lambda _: [], body=sent.body,
        body_kind="form",
    )  # fmt: skip
    assert isinstance(found, dict), found
    return found["v"]


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0, |"), min_size=1, max_size=9
)
integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize("name", [name for name in PARAMS if not name.endswith("deep")])
@given(value=st.lists(texts, min_size=1, max_size=5))
def test_list_of_each_style_comes_as_it_went(
    compositions: dict[str, Composition], name: str, value: list[str]
) -> None:
    assert round_trip(compositions[name], value) == value


filters = st.fixed_dictionaries(
    {},
    optional={
        "state": texts | st.sampled_from(["true", "1", "a|b, c"]),
        "ids": st.lists(integers, min_size=1, max_size=4),
        "exact": st.booleans(),
        "range": st.fixed_dictionaries(
            {"least": floats}, optional={"words": st.lists(texts, min_size=1, max_size=3)}
        ),
    },
).filter(bool)


@pytest.mark.parametrize("name", ["query_deep", "form_deep"])
@given(value=filters)
def test_object_comes_as_it_went(
    compositions: dict[str, Composition], name: str, value: dict[str, Any]
) -> None:
    assert round_trip(compositions[name], value) == value


segments = st.lists(
    st.sampled_from(["%2F", "%2f", "%252F", "%25", "%20", "a", "2F", "52", "b.c", "é", "+", "%"])
    | texts,
    min_size=1,
    max_size=4,
).map(
    lambda parts: "".join(part if part.startswith("%2") else quote(part, safe="") for part in parts)
)


@given(raw=st.lists(segments, min_size=1, max_size=3).map("/".join))
def test_rest_of_a_path_that_a_service_gets_reads_as_the_one_that_came(
    compositions: dict[str, Composition], raw: str
) -> None:
    """Encoded slashes included. What can't be read in one way goes nowhere."""
    composition = compositions["rest"]
    table = RoutingTable([composition], [])
    match = table.match("GET", f"/x/{raw}")
    if not isinstance(match, ToComposition):
        return
    render = compile_renderer(composition.steps[0].operation)
    try:
        sent = render(match.params, Budget(1_000_000, "requests")).target
    except ValueError:  # it makes segments of dots, or empty ones
        return
    assert table.match("GET", sent) == match
    assert sent.count("/") == raw.count("/") + 2
