"""Expressions as texts: where each node stands, and what is said of those that can't be read."""

import warnings

import pytest

from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, Node, parse_expression


def _places(source: str) -> list[tuple[str, str]]:
    """Every node's kind and text, parents first; those made of no token have none."""

    def walk(node: Node) -> list[tuple[str, str]]:
        below = [place for child in node.children for place in walk(child)]
        return [(node.kind, source[node.start : node.end]), *below]

    return walk(parse_expression(source))


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("user", [("field", "user")]),
        (
            " user .\n name ",
            [("subexpression", "user .\n name"), ("field", "user"), ("field", "name")],
        ),
        ('"first name"', [("field", '"first name"')]),
        (
            "(a.b).c",
            [("subexpression", "(a.b).c"), ("field", "a"), ("field", "b"), ("field", "c")],
        ),
        (
            "a[0] [1]",
            [("index_expression", "a[0] [1]"), ("field", "a"), ("index", "[0]"), ("index", "[1]")],
        ),
        (
            "a[1:2].b",
            [
                ("projection", "a[1:2].b"), ("index_expression", "a[1:2]"), ("field", "a"),
                ("slice", "[1:2]"), ("field", "b"),
            ],
        ),
        (
            "[::2]",
            [
                ("projection", "[::2]"), ("index_expression", "[::2]"), ("identity", ""),
                ("slice", "[::2]"), ("identity", ""),
            ],
        ),
        (
            "a[].b[*]",
            [
                ("projection", "a[].b[*]"), ("flatten", "a[]"), ("field", "a"),
                ("projection", "b[*]"), ("field", "b"), ("identity", ""),
            ],
        ),
        (
            "[].a",
            [("projection", "[].a"), ("flatten", "[]"), ("identity", ""), ("field", "a")],
        ),
        (
            "a.*.b",
            [("value_projection", "a.*.b"), ("field", "a"), ("field", "b")],
        ),
        (
            "a[? b > `1` ].c",
            [
                ("filter_projection", "a[? b > `1` ].c"), ("field", "a"), ("field", "c"),
                ("comparator", "b > `1`"), ("field", "b"), ("literal", "`1`"),
            ],
        ),
        (
            "a . [ b, c ]",
            [
                ("subexpression", "a . [ b, c ]"), ("field", "a"),
                ("unless_null", "[ b, c ]"),
                ("multi_select_list", "[ b, c ]"), ("field", "b"), ("field", "c"),
            ],
        ),
        (
            "a[*].length( @ )",
            [
                ("projection", "a[*].length( @ )"), ("field", "a"),
                ("unless_null", "length( @ )"), ("function_expression", "length( @ )"),
                ("current", "@"),
            ],
        ),
        (
            "let $x = a , $y = 'b' in [$.c , $x]",
            [
                ("let_expression", "let $x = a , $y = 'b' in [$.c , $x]"),
                ("binding", "$x = a"), ("field", "a"), ("binding", "$y = 'b'"),
                ("literal", "'b'"), ("multi_select_list", "[$.c , $x]"),
                ("subexpression", "$.c"), ("root", "$"), ("field", "c"), ("variable", "$x"),
            ],
        ),
        (
            "a ? b : c ? d : e | f",
            [
                ("pipe", "a ? b : c ? d : e | f"), ("ternary", "a ? b : c ? d : e"),
                ("field", "a"), ("field", "b"), ("ternary", "c ? d : e"), ("field", "c"),
                ("field", "d"), ("field", "e"), ("field", "f"),
            ],
        ),
        (
            "a + -b * 2.5 // -3 - (c)",
            [
                ("arithmetic", "a + -b * 2.5 // -3 - (c)"), ("arithmetic", "a + -b * 2.5 // -3"),
                ("field", "a"), ("arithmetic", "-b * 2.5 // -3"), ("arithmetic", "-b * 2.5"),
                ("sign", "-b"), ("field", "b"), ("literal", "2.5"), ("literal", "-3"),
                ("field", "c"),
            ],
        ),
        (
            "a * b == c % `2`",
            [
                ("comparator", "a * b == c % `2`"), ("arithmetic", "a * b"), ("field", "a"),
                ("field", "b"), ("arithmetic", "c % `2`"), ("field", "c"), ("literal", "`2`"),
            ],
        ),
        (
            '{x: (a), "y z" : b}',
            [
                ("multi_select_dict", '{x: (a), "y z" : b}'), ("key_val_pair", "x: (a)"),
                ("field", "a"), ("key_val_pair", '"y z" : b'), ("field", "b"),
            ],
        ),
        (
            "sort_by(a , & b.c )[0]",
            [
                ("index_expression", "sort_by(a , & b.c )[0]"),
                ("function_expression", "sort_by(a , & b.c )"), ("field", "a"),
                ("expref", "& b.c"), ("subexpression", "b.c"), ("field", "b"), ("field", "c"),
                ("index", "[0]"),
            ],
        ),
        (
            "!a.b && c || 'd' | @",
            [
                ("pipe", "!a.b && c || 'd' | @"), ("or_expression", "!a.b && c || 'd'"),
                ("and_expression", "!a.b && c"), ("subexpression", "!a.b"),
                ("not_expression", "!a"), ("field", "a"), ("field", "b"), ("field", "c"),
                ("literal", "'d'"), ("current", "@"),
            ],
        ),
        (
            "`{\"a\": \"}\"}` != 'it\\'s'",
            [
                ("comparator", "`{\"a\": \"}\"}` != 'it\\'s'"),
                ("literal", '`{"a": "}"}`'), ("literal", "'it\\'s'"),
            ],
        ),
    ],
)  # fmt: skip
def test_every_node_stands_at_its_own_text(source: str, places: list[tuple[str, str]]) -> None:
    assert _places(source) == places


def test_a_slice_holds_its_bounds_as_value() -> None:
    projection = parse_expression("a[1::-2]")
    assert projection.children[0].children[1] == Node("slice", (1, None, -2), (), 1, 8)


@pytest.mark.parametrize(
    ("source", "offset", "said"),
    [
        ("", 0, "the expression is empty"),
        (" \n ", 0, "the expression is empty"),
        ("user.", 5, "the expression ends too early"),
        ("user. ", 5, "the expression ends too early"),
        ("join(', ', a", 12, "the expression ends too early"),
        ("a b", 2, "unexpected 'b'. Is there an operator, a comma or a dot missing before it?"),
        ("a = b", 2, "unexpected '='. Compare with `==`"),
        ("a ? b", 5, "the expression ends too early. Add what is missing: a value, a name"),
        ("a and b", 2, "unexpected 'and'. Write `&&` for and"),
        ("a or b", 2, "unexpected 'or'. Write `||` for or"),
        ("not a", 4, "unexpected 'a'. Write `!` for not"),
        ("let x = a in x", 4, "unexpected 'x'. A variable has a sign: let $x = … in …"),
        ("a ?? b", 3, "unexpected '?'. `||` gives another value in the place of null"),
        ("a?.b", 2, "unexpected '.'. A field of null is null: write the dot alone"),
        ("a 5", 2, "unexpected '5'. Is there an operator or a comma missing before it?"),
        ("[a, 5]", 4, "unexpected '5'. In a list, a number stands in backticks: `5`"),
        ("a[*].[0]", 6, "unexpected '0'. An element is read without the dot: [0]"),
        ("[a, -5]", 5, "unexpected '5'. In a list, a number stands in backticks: `5`"),
        ("sum(a[*].(b * c))", 9, "unexpected '('. map(&(…), list) computes with each element"),
        ("[5, a]", 2, "unexpected ','"),
        ("a[1.5]", 2, "unexpected '1.5'"),
        ("007", 0, "unexpected '007'. A number begins with no 0"),
        ("f(a b)", 4, "unexpected 'b'"),
        ("f(a,)", 4, "unexpected ')'"),
        ("let $x = a", 10, "the expression ends too early"),
        ("let $x a in b", 7, "unexpected 'a'"),
        ("let $x = a, y = b in $x", 12, "unexpected 'y'"),
        ("a.$x", 2, "unexpected '$x'"),
        ("$x", 0, "nothing gives $x a value here. The root's names stand without a sign: x"),
        ("let $x = $x in $x", 9, "nothing gives $x a value here"),
        ("[let $x = a in $x, $x]", 19, "nothing gives $x a value here"),
        ("größe", 2, "unexpected 'ö'. A name with this letter stands in double quotes"),
        ("a *", 3, "the expression ends too early"),
        ("a[*]*", 5, "the expression ends too early"),
        ("a[b]", 2, "unexpected 'b'. In [ ] stands a number, a slice, *, or a filter with [? ]"),
        ("a == \"b\" \"c\"", 9, "unexpected '\"c\"'. A string stands in single quotes: 'text'"),
        ("m.'name'", 2, "A name stands plain or in double quotes after a dot"),
        ("{a}", 2, "unexpected '}'"),
        ("a.b'", 3, "the ' here is never closed"),
        ('a."b', 2, 'the " here is never closed'),
        ("`1", 0, "the ` here is never closed"),
        ('"a\\q"', 0, "the name in double quotes is not written as in JSON"),
        ('a || "length"(b)', 5, "a function's name stands without quotes"),
        ("a || @(b)", 5, "what stands before ( is no function's name"),
        ("a == `abc`", 5, "what stands in backticks is no JSON. If it is a string, write 'abc'"),
        ("a == ``", 5, "what stands in backticks is no JSON. A string stands in single quotes"),
        ("`NaN`", 0, "a number that is not finite. JSON has neither NaN nor Infinity"),
        ("`[1, -Infinity]`", 0, "a number that is not finite"),
        ("`1e999`", 0, "a number that is not finite"),
        ("a[::0]", 1, "a slice with a step of 0. Leave the step out"),
        ("a[9999999999999999999]", 2, "the number has too many digits"),
        ('a == `"\\ud800"`', 5, "half of a surrogate pair is no character"),
        ('"\\ud800"', 0, "half of a surrogate pair is no character"),
        ("'\ud800'", 0, "half of a surrogate pair is no character"),
    ],
)  # fmt: skip
def test_a_broken_expression_is_refused_at_its_place_with_a_remedy(
    source: str, offset: int, said: str
) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse_expression(source)
    assert caught.value.offset == offset
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 10_000, "(" * 10_000 + "a" + ")" * 10_000, "[" * 10_000, "!" * 10_000 + "a",
        "{a:" * 10_000, "abs(" * 10_000, "a" + "[*]" * 10_000, "a[?" * 10_000,
        "a" + "[]" * 10_000, "==".join("a" * 10_000), "+".join("a" * 10_000), "-" * 10_000 + "a",
        "a ? " * 10_000 + "b", "let $x = a in " * 10_000 + "$x",
        "(a || " * 10_000 + "a" + ")" * 10_000,
        "`" + "[" * 100_000 + "]" * 100_000 + "`", "`" + "[" * 100 + "]" * 100 + "`",
    ],
    ids=lambda source: source[:4],
)  # fmt: skip
def test_deep_nesting_is_refused_as_syntax(source: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match="nested more than 64 deep"):
        parse_expression(source)


def test_a_long_path_is_not_nesting() -> None:
    assert len(parse_expression(".".join("a" * 10_000)).children) == 10_000


@pytest.mark.parametrize("operator", ["||", "&&", "|"])
def test_a_chain_is_one_node_and_no_nesting(operator: str) -> None:
    chain = parse_expression(f" {operator} ".join("a" * 1000))
    assert len(chain.children) == 1000
    assert {child.kind for child in chain.children} == {"field"}
    assert [child.start for child in chain.children[:3]] == [
        0,
        len(operator) + 3,
        2 * len(operator) + 6,
    ]


@pytest.mark.parametrize("operator", ["||", "&&", "|"])
def test_a_chain_without_end_is_refused(operator: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match="more than 1000 parts in a row"):
        parse_expression(operator.join("a" * 20_000))


def test_a_chain_within_a_chain_of_another_kind_keeps_its_own_parts() -> None:
    node = parse_expression("a || b && c && d || e")
    assert [child.kind for child in node.children] == ["field", "and_expression", "field"]
    assert len(node.children[1].children) == 3


def test_a_string_in_backticks_is_refused_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ExpressionSyntaxError):
            parse_expression("`deprecated`")
    assert seen == []
