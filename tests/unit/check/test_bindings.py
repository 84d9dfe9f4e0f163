"""What `with:` binds to params that there aren't, or around expressions where it can't be sent."""

from pathlib import Path

import pytest

from bff.errors import Problem
from bff.plan.compiler.project import check_project
from tests.support.marks import without_mark
from tests.support.projects import write_project

SERVICE = """base: http://127.0.0.1:9
operations:
  one:
    request: GET /names/{name}/x
    params:
      name: {type: string}
      language: {type: string, required: false}
      X-Tag: {in: header, type: string, required: false}
      tags: {type: array, items: {type: string}, style: comma, required: false}
      plain: {type: array, items: {type: string}, required: false}
    returns: schemas.shop:User
  file:
    request: GET /files/{file}
    params: {file: {type: string, slash: true}}
    returns: schemas.shop:User
  pair:
    request: GET /pairs/{left}/{right}
    params: {left: {type: string}, right: {type: string}}
    returns: schemas.shop:User
"""


def problems_of(folder: Path, call: str, bound: str) -> tuple[Problem, ...]:
    text = (
        "endpoint: GET /home\nparams: {q: {type: string}}\n"
        f"steps:\n  a: {{call: shop.{call}, with: {bound}}}\n"
    )
    write_project(folder, {"home": text}, services={"shop": SERVICE})
    return tuple(check_project(folder).problems)


UNKNOWN = {
    # the operation and what is bound: what is reported, each with a part of its remedy
    "beside one that is needed": (
        "one", "{wanted: a}", [("shop.one has no param 'wanted'", "Did you mean 'name'?")],
    ),
    "near to an optional one": (
        "one", "{langauge: a}",
        [
            ("shop.one has no param 'langauge'", "Did you mean 'language'?"),
            ("shop.one needs the param 'name'", "Bind it"),
        ],
    ),
    "beside two that are needed": (
        "pair", "{wanted: a}",
        [
            ("shop.pair has no param 'wanted'", "Known: left, right."),
            ("shop.pair needs the param 'left'", "Bind it"),
            ("shop.pair needs the param 'right'", "Bind it"),
        ],
    ),
    "of two beside one that is needed": (
        "pair", "{left: a, one: a, two: a}",
        [
            ("shop.pair has no param 'one'", "Known: left, right."),
            ("shop.pair has no param 'two'", "Known: left, right."),
            ("shop.pair needs the param 'right'", "Bind it"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_param_that_can_mean_one_alone_is_reported_once(case: str, tmp_path: Path) -> None:
    call, bound, expected = UNKNOWN[case]
    found = sorted(problems_of(tmp_path, call, bound), key=lambda each: each.what)
    assert [each.what for each in found] == [what for what, _ in expected]
    for problem, (_, mend) in zip(found, expected, strict=True):
        assert problem.mend.endswith(mend) or mend == "Bind it" in problem.mend


@pytest.mark.parametrize(
    ("name", "mend"),
    [("query", "Declare it under params."), ("qq", "Known: q. Did you mean 'q'?")],
)
def test_param_that_the_composition_lacks_is_reported_as_one(
    name: str, mend: str, tmp_path: Path
) -> None:
    (problem,) = problems_of(tmp_path, "one", f"{{name: '${{params.{name}}}'}}")
    assert (problem.what, problem.mend) == (f"no param '{name}' is declared", mend)


UNSENDABLE = {
    # the operation and what is bound: what is reported at the mark
    "slash in a path": ("one", "{name: '▶a/${params.q}'}", "name holds a slash"),
    "slash after an expression": ("one", "{name: '${params.q}▶/a'}", "name holds a slash"),
    "dots in a path of several": ("file", "{file: '${params.q}▶/../b'}", "only dots"),
    "dots at a path's end": ("file", "{file: '${params.q}▶/%2e.'}", "only dots"),
    "nothing at a path's start": ("file", "{file: '▶/${params.q}'}", "segment that is empty"),
    "line break in a header": (
        "one", '{name: a, X-Tag: "${params.q}▶\\n"}', "X-Tag holds a character",
    ),
    "comma in an element": (
        "one", "{name: a, tags: ['${params.q}', '${params.q}▶,b']}", "tags holds a comma",
    ),
    "comma in an element without an expression": (
        "one", "{name: a, tags: ['${params.q}', '▶a,b']}", "tags holds a comma",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSENDABLE)
def test_constant_part_that_can_never_be_sent_is_reported(case: str, tmp_path: Path) -> None:
    call, marked, what = UNSENDABLE[case]
    bound, _, column = without_mark(marked)
    (problem,) = problems_of(tmp_path, call, bound)
    start = len(f"  a: {{call: shop.{call}, with: ")
    assert (problem.place.line, problem.place.column) == (4, start + column), str(problem)
    assert what in problem.what


SENDABLE = {
    "dots beside an expression": ("one", "{name: '..${params.q}.'}"),
    "comma in a path": ("one", "{name: 'a,${params.q}'}"),
    "slash where it may be": ("file", "{file: 'a/${params.q}/b'}"),
    "dots beside an expression between slashes": ("file", "{file: 'a/..${params.q}../b'}"),
    "comma and slash in elements of their own": ("one", "{name: a, plain: ['a,/${params.q}']}"),
    "slash and comma in a header": ("one", "{name: a, X-Tag: 'a/,${params.q}'}"),
    "slash within an expression": ("one", "{name: \"x${join('/', [params.q])}\"}"),
}


@pytest.mark.parametrize("case", SENDABLE)
def test_constant_part_that_may_be_sent_is_no_problem(case: str, tmp_path: Path) -> None:
    assert problems_of(tmp_path, *SENDABLE[case]) == ()
