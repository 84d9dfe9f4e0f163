"""What reads a header of a step's reply reads the step: for the order, the scope and the key."""

from pathlib import Path

import pytest

from bff.engine.steps.link_headers import link_target
from bff.plan.compiler.project import compile_project
from bff.plan.explain.composition import explain
from bff.plan.model.composition import Composition
from bff.plan.types.algebra import describe
from tests.support.projects import SHOP_SERVICE, write_project

SERVICE = f"""{SHOP_SERVICE}
  mine:
    request: GET /mine
    params: {{X-User: {{in: header, type: string}}}}
    returns: none
    reply_headers:
      total: {{name: X-Total-Count, type: integer}}
      next: {{name: Link, rel: Next}}
  all:
    request: GET /all
    returns: list[int]
    reply_headers: {{total: {{name: X-Total-Count, type: integer}}}}
"""
SCREEN = """
endpoint: GET /
params: {who: {type: string, in: query}}
steps:
  mine: {call: shop.mine, with: {X-User: '${claims.sub}'}}
  all: {call: shop.all}
  user: {call: shop.get_user, with: {id: 1}, when: WHEN}
response: RESPONSE
cache: {ttl: 1m}
"""


def compiled(folder: Path, response: str, when: str = "'${params.who}'") -> Composition:
    text = SCREEN.replace("RESPONSE", response).replace("WHEN", when)
    write_project(folder, {"screen": text}, services={"shop": SERVICE})
    (composition,) = compile_project(folder).compositions
    return composition


def test_types_of_headers_have_a_null(tmp_path: Path) -> None:
    composition = compiled(tmp_path, "'${headers}'")
    assert describe(composition.payload.type) == (
        "{mine: {total: integer | null, next: string | null}, all: {total: integer | null}}"
    )


@pytest.mark.parametrize("read", ["headers.mine.total", "headers.mine", "headers.*.total"])
def test_step_waits_for_the_steps_whose_headers_it_reads(read: str, tmp_path: Path) -> None:
    composition = compiled(tmp_path, "1", f"'${{{read}}}'")
    assert composition.steps[2].waits_for == ((0, 1) if "*" in read else (0,))
    assert composition.steps[2].scope == "identity"


@pytest.mark.parametrize("response", ["{n: '${headers.mine.next}'}", "'${headers}'", "${user}"])
def test_header_of_a_reply_to_one_caller_belongs_to_that_caller(
    response: str, tmp_path: Path
) -> None:
    assert compiled(tmp_path, response).scope == "identity"


def test_body_of_a_step_of_which_only_headers_are_read_is_not_needed(tmp_path: Path) -> None:
    composition = compiled(tmp_path, "'${headers.all.total}'")
    assert [step.needs_json for step in composition.steps] == [False, False, False]


def test_headers_that_are_read_are_shown(tmp_path: Path) -> None:
    composition = compiled(tmp_path, "1")
    text = explain(composition, compile_project(tmp_path).services)
    assert "reads headers: total (x-total-count: integer), next (link: rel=next)" in text


LINKS = {
    '<a>; rel="next"': "a", "<a>;rel=next": "a", '<a>; rel="prev  next"': "a", "<a>; REL=Next": "a",
    '<b>; rel=last, <a>; title="x, <c>; rel=next"; rel=next': "a", "<a,b>; rel=next": "a,b",
    '<a>; rel="prev"; rel="next"': None, "<a>; rev=next": None, "<a>": None, "": None,
    '<a>; title="\\"; rel=next"': None, "a; rel=next": None, '<a>; rel="next': None,
}  # fmt: skip


def test_links_without_an_end_take_as_long_as_they_are_long() -> None:
    """32 KiB of them held the loop for 5 s; by the square, these would take an hour."""
    assert link_target([(b"link", b'<>\\"' * 200_000)], "next") is None


@pytest.mark.parametrize(("value", "target"), LINKS.items())
def test_target_of_a_relation_is_found_as_it_stands(value: str, target: str | None) -> None:
    assert link_target([(b"x", b"y"), (b"link", value.encode())], "next") == target
