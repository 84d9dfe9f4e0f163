"""Texts with `${…}`: where an expression begins and ends."""

import pytest

from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.expressions.grammar.tokens import ExpressionSyntaxError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("no expression } { $ here", ("no expression } { $ here",)),
        ("${user.id}", (Interpolation("user.id", 2),)),
        ("Hello ${user.name}!", ("Hello ", Interpolation("user.name", 8), "!")),
        ("${a}${b}", (Interpolation("a", 2), Interpolation("b", 6))),
        ("${ a }", (Interpolation(" a ", 2),)),
        ("${join('}', names)}", (Interpolation("join('}', names)", 2),)),
        ('${"x}y"} {z}', (Interpolation('"x}y"', 2), " {z}")),
        ('${`{"a": "}"}`.a}', (Interpolation('`{"a": "}"}`.a', 2),)),
        ("${{x: {y: a}}}}", (Interpolation("{x: {y: a}}", 2), "}")),
        ("${'it\\'s }'}", (Interpolation("'it\\'s }'", 2),)),
        ("${a}, it's # open `", (Interpolation("a", 2), ", it's # open `")),
        ("$${price}", ("$", Interpolation("price", 3))),
        ("${'${'}name}", (Interpolation("'${'", 2), "name}")),
        ("${a\n  || b}", (Interpolation("a\n  || b", 2),)),
    ],
)
def test_an_expression_ends_at_the_brace_that_closes_it(
    text: str, parts: tuple[str | Interpolation, ...]
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
