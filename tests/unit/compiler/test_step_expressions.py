"""`Step.expressions()` is the one list of what a step evaluates: a plan derives everything from it.

A step that evaluates one more expression stands here for a step option that is yet to come.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from bff.declarations.documents import Document, read_document
from bff.declarations.models.composition import CompositionFile
from bff.plan.compiler.identity_paths import find_identity_paths
from bff.plan.compiler.project import compile_project
from bff.plan.compiler.reads import Readers, key_reads, with_needs
from bff.plan.compiler.used_replies import used_parts
from bff.plan.compiler.values import ExpressionScope, compile_expression
from bff.plan.compiler.waiting import waits_of_reader
from bff.plan.model.expressions import Part, Template
from bff.plan.model.payload import Shape
from bff.plan.model.service import Operation
from bff.plan.model.steps import Step, StepExpression
from bff.plan.reporter import Reporter
from bff.plan.types import kinds as t
from tests.support.plan.plans import compose, step
from tests.support.projects import write_project

NOTHING = Shape((), t.ANYTHING, frozenset(), frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWithOption(Step):
    """A step with an option `priority`, which is known to `expressions` alone."""

    priority: Template

    def expressions(self) -> tuple[StepExpression, ...]:
        return (*Step.expressions(self), StepExpression("priority", self.priority))


@pytest.fixture
def document() -> Document[CompositionFile]:
    text = "endpoint: GET /a\nsteps: {user: {call: s.o}, orders: {call: s.o}}\n"
    document = read_document("a.yaml", text.encode(), CompositionFile).document
    assert document is not None
    return document


@pytest.fixture
def readers(document: Document[CompositionFile]) -> Readers:
    scope = ExpressionScope(document, [], t.ObjectOf(extra=t.ANYTHING))
    source = "params.urgent || user.level || claims.rank"
    user, orders = compose(step("user", "GET /user"), step("orders", "GET /orders")).steps
    with_option = StepWithOption(
        **{name: getattr(orders, name) for name in Step.__dataclass_fields__},
        priority=compile_expression(scope, source, ("summary",)),
    )
    return Readers((user, with_option), (), (NOTHING,), (), ())


def test_an_option_with_an_expression_is_in_the_key(readers: Readers) -> None:
    assert key_reads(readers) == {("params", "urgent"), ("claims", "rank")}


def test_an_option_with_an_expression_is_in_the_scope(readers: Readers) -> None:
    paths = find_identity_paths((), readers.steps, (), NOTHING, {}, ())
    assert paths.steps == {"orders": ("claims.rank", "'orders' (priority)")}


def test_an_option_with_an_expression_is_waited_for(
    readers: Readers, document: Document[CompositionFile]
) -> None:
    steps = {each.name: each for each in readers.steps}
    assert waits_of_reader(Reporter(document, []), steps) == {"user": [], "orders": ["user"]}


def test_an_option_with_an_expression_uses_fields_of_replies(readers: Readers) -> None:
    assert used_parts(readers)["user"] == Part(fields={"level": Part(is_whole=True)})


def test_an_option_with_an_expression_needs_the_json_of_what_it_reads(readers: Readers) -> None:
    assert [each.needs_json for each in with_needs(readers)] == [True, False]


def test_every_expression_of_a_step_is_among_them(tmp_path: Path) -> None:
    """But for those that are evaluated on a reply: a batch's `select`, the tags of replies."""
    project = compile_project(
        write_project(
            tmp_path,
            {
                "each": """
                    endpoint: GET /each/{user_id}
                    params: {user_id: {type: integer}}
                    steps:
                      user:
                        call: shop.get_user
                        when: ${params.user_id > `1`}
                        for_each: {over: '${[params.user_id]}', as: id, max: 3}
                        with: {id: '${id}'}
                        statuses: {409: {reply: 409, with: {by: '${params.user_id}'}}}
                    """
            },
        )
    )
    (with_all,) = project.compositions[0].steps
    hints = get_type_hints(Step)
    unset = [
        name
        for name, hint in hints.items()
        if Template in get_args(hint) and getattr(with_all, name) is None
    ]
    assert unset == [], "this test's step has every option with an expression"
    parts = [getattr(with_all, name) for name in hints if name not in ("batch", "cache")]
    found = {id(template) for part in parts for template in templates_in(part)}
    assert len(found) == 4
    assert found == {id(each.template) for each in with_all.expressions()}


def templates_in(value: object) -> Iterator[Template]:
    if isinstance(value, Template):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from templates_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from templates_in(each)
    elif is_dataclass(value) and not isinstance(value, Operation):
        for field in fields(value):
            yield from templates_in(getattr(value, field.name))
