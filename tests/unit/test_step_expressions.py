"""`Step.expressions()` is the one list of what a step evaluates: a plan derives everything from it.

A step that evaluates one more expression stands here for a step option that is yet to come.
"""

from dataclasses import dataclass

import pytest

from bff.declarations.documents import Document, read_document
from bff.declarations.models.composition import CompositionFile
from bff.plan.compiler.identity_paths import find_identity_paths
from bff.plan.compiler.reads import Readers, key_reads, with_needs
from bff.plan.compiler.used_replies import used_parts
from bff.plan.compiler.values import ExpressionScope, compile_expression
from bff.plan.compiler.waiting import waits_of_reader
from bff.plan.model.expressions import Part, Template
from bff.plan.model.payload import Shape
from bff.plan.model.steps import Step, StepExpression
from bff.plan.reporter import Reporter
from bff.plan.types import kinds as t
from tests.support.plans import compose, step

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
