"""Texts with `${…}`: where an expression begins and ends."""

import pytest

from bff.plan.expressions.grammar.templates import Embedded, split_template
from bff.plan.expressions.grammar.tokens import ExpressionSyntaxError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("no expression } { $ here", ("no expression } { $ here",)),
        ("${user.id}", (Embedded("user.id", 2),)),
        ("Hello ${user.name}!", ("Hello ", Embedded("user.name", 8), "!")),
        ("${a}${b}", (Embedded("a", 2), Embedded("b", 6))),
        ("${ a }", (Embedded(" a ", 2),)),
        ("${join('}', names)}", (Embedded("join('}', names)", 2),)),
        ('${"x}y"} {z}', (Embedded('"x}y"', 2), " {z}")),
        ('${`{"a": "}"}`.a}', (Embedded('`{"a": "}"}`.a', 2),)),
        ("${{x: {y: a}}}}", (Embedded("{x: {y: a}}", 2), "}")),
        ("${'it\\'s }'}", (Embedded("'it\\'s }'", 2),)),
        ("${a}, it's # open `", (Embedded("a", 2), ", it's # open `")),
        ("$${price}", ("$", Embedded("price", 3))),
        ("${'${'}name}", (Embedded("'${'", 2), "name}")),
        ("${a\n  || b}", (Embedded("a\n  || b", 2),)),
    ],
)
def test_an_expression_ends_at_the_brace_that_closes_it(
    text: str, parts: tuple[str | Embedded, ...]
) -> None:
    assert split_template(text) == parts


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("id ${user.id", 3, "the ${ here is never closed. Close it with }"),
        ("${a} ${", 5, "the ${ here is never closed. Close it with }"),
        ("${{x: a}", 0, "the ${ here is never closed. Close it with }"),
        ("${user.id, and so on; it's", 0, "the ${ here is never closed. Close it with }"),
        ("to ${}", 3, "nothing stands in ${ }. Name a value: ${params.id}"),
        ("${  }", 0, "nothing stands in ${ }"),
        ("of ${a # b}", 7, "unexpected '#'"),
        ("of ${'a}", 5, "the ' here is never closed"),
        ("${`abc`}", 2, "what stands in backticks is no JSON"),
    ],
)
def test_a_broken_template_is_refused_at_its_place_in_the_text(
    text: str, offset: int, said: str
) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        split_template(text)
    assert caught.value.offset == offset
    assert said in str(caught.value)
