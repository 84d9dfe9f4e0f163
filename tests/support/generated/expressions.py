"""Hypothesis strategies for JMESPath expressions and JSON data, and a library as a yardstick.

Names come from a small alphabet, so that expressions often meet data that has them. `expressions()`
gives source texts with odd spaces and brackets; nearly all of them parse. The library,
`jmespath-community`, lacks the ternary and bare numbers, and is told apart where it shows Python.
"""

import math
from typing import Any

import jmespath
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathTypeError
from jmespath.functions import Functions, signature
from jmespath.visitor import TreeInterpreter

from bff.plan.expressions.grammar.nodes import Node

NAMES = ("a", "b", "c", "id", "x y")

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers(-(10**20), 10**20)
    | st.sampled_from((0.0, 1.0, -0.5, 2.5, 1e16))
    | st.sampled_from(("", "a", "b", "ab", "é", "12", "-0.5", "1e3", "nan"))
    | st.text(max_size=3)
)
_names = st.sampled_from(NAMES)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, small, with the odd list of numbers, strings or like objects."""
    return st.recursive(
        _scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(st.integers(-5, 5) | st.just(0.5), max_size=4)
            | st.lists(st.sampled_from(("a", "b", "ab")), max_size=4)
            | st.dictionaries(_names, inner, max_size=4)
            | st.lists(st.dictionaries(_names, inner, max_size=3), max_size=4)
        ),
        max_leaves=15,
    )


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """A JSON object, as a root is one."""
    return st.dictionaries(_names, json_values(), max_size=len(NAMES))


# ---------------------------------------------------------------------------- expressions

_LITERALS = (
    "`null`", "`true`", "`false`", "`0`", "`1`", "`1.0`", "`-2`", "`2.5`", "`\"a\"`", "'a'", "''",
    "'b'", "`[]`", "`{}`", "`[1, 0.5, 2]`", "`[\"b\", \"a\"]`", "`[true, 0, null]`",
    "`{\"a\": {\"b\": 1}, \"b\": 2}`", "`[{\"a\": 2, \"b\": \"x\"}, {\"a\": 1}]`", "'it\\'s'",
    "`[[1, [2]], 3, []]`", "'12'", "`\"\\`\"`",
)  # fmt: skip
_COMPARATORS = ("==", "!=", "<", "<=", ">", ">=")
_ONE_ARGUMENT = (
    "abs", "avg", "ceil", "floor", "keys", "length", "max", "min", "not_null", "reverse", "sort",
    "sum", "to_array", "to_number", "to_string", "type", "values", "merge", "items", "from_items",
    "zip", "lower", "upper", "trim", "trim_left", "trim_right",
)  # fmt: skip
_OF_SUITABLE_ARGUMENTS = (
    "abs({0}[0] || `1`)", "sum({0}[?type(@) == 'number'] || `[1.5]`)",
    "avg(to_array({0})[?type(@) == 'number'])", "join('-', to_array({0})[].to_string(@))",
    "max(to_array({0})[].to_string(@))", "sort(to_array({0})[].to_string(@))",
    "sort_by(to_array({0}), &to_string({1}))", "max_by(to_array({0}), &to_string({1}))",
    "min_by(to_array({0}), &length(to_string({1})))", "map(&{1}, to_array({0}))",
    "merge({{a: {0}}}, {{b: {1}, a: {0}}})", "keys({{a: {0}}})", "values({{a: {0}, b: {1}}})",
    "starts_with(to_string({0}), to_string({1}))", "ends_with(to_string({0}), 'a')",
    "contains(to_array({0}), {1})", "contains(to_string({0}), to_string({1}))",
    "reverse(to_array({0}))", "length(to_array({0}))", "not_null({0}, {1}, `0`)",
    "to_number(to_string({0}))", "ceil(to_number({0}) || `0.5`)", "floor(`-1.5`)",
    "items({{a: {0}, b: {1}}})", "from_items(zip(['a', 'b'], [{0}, {1}]))",
    "zip(to_array({0}), to_array({1}))", "upper(to_string({0}))", "trim(to_string({0}), 'ab ')",
    "trim_left(to_string({0}), '\"')", "trim_right(to_string({0}), '')",
    "find_first(to_string({0}), to_string({1}))", "find_last(to_string({0}), 'a', `-2`, `9`)",
    "find_first(to_string({0}), 'a', `1`)", "replace(to_string({0}), 'a', to_string({1}))",
    "replace(to_string({0}), '', '-', `2`)", "split(to_string({0}), ',')",
 "split(to_string({0}), 'a', `1`)",
    "pad_left(to_string({0}), `5`)", "pad_right(to_string({0}), length(to_string({1})), '.')",
    "group_by(to_array({0})[], &to_string({1}))", "group_by(to_array({0}), &{1})",
    "sum(map(&(to_number(to_string(@)) || `1`), to_array({0})))",
)  # fmt: skip
_OF_TWO = ("contains", "ends_with", "join", "starts_with", "merge", "not_null")
_BY_KEY = ("max_by", "min_by", "sort_by", "group_by")


def expressions() -> st.SearchStrategy[str]:
    """Source texts over the nodes and the functions that the library has, too."""
    leaves = st.one_of(
        _names.map(_identifier), _names.map(_identifier), st.just("@"), st.just("*"), st.just("$"),
        st.sampled_from(_LITERALS), _spans(st.just("")), _names.map(lambda name: f'"{name}"'),
    )  # fmt: skip
    return st.recursive(leaves, _larger, max_leaves=8)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, inner)
    ids = _names.map(_identifier)
    return st.one_of(
        st.builds("{}.{}".format, inner, ids),
        st.builds("{}. {}".format, inner, inner),
        st.builds("{}.*".format, inner),
        st.builds("{}.* .{}".format, inner, ids),
        _spans(inner),
        st.builds("{}{}".format, _spans(inner), st.builds(".{}".format, ids)),
        st.builds("{}[?{}]".format, inner, inner),
        st.builds("{}[? {} {} {}].{}".format, inner, inner, _comparator(), inner, ids),
        st.builds("{} {} {}".format, inner, _comparator(), inner),
        st.builds("{}\n|| {}".format, inner, inner),
        st.builds("{} && {}".format, inner, inner),
        st.builds("({}) {} ({})".format, inner, _arithmetic(), inner),
        st.builds(
            "(to_number({}) || `2`) {} (to_number({}) || `3`)".format, inner, _arithmetic(), inner
        ),
        st.builds("-({})".format, inner),
        st.builds("let $x = {} in [$x, {}]".format, inner, inner),
        st.builds("(let $x = {}, $y = {} in {}[?@ == $x].[$y, @, $])".format, inner, inner, inner),
        st.builds("{} | {}".format, inner, inner),
        st.builds("!{}".format, inner),
        st.builds("( {} )".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}, {} :{}}}".format, ids, inner, ids, inner),
        st.builds("{}.[{}]".format, inner, inner),
        st.builds("{}.{{a: {}, b: {}}}".format, inner, ids, inner),
        st.builds("{}({})".format, st.sampled_from(_ONE_ARGUMENT), inner),
        st.builds("{}({} ,{})".format, st.sampled_from(_OF_TWO), inner, inner),
        st.builds("{}({}, &{})".format, st.sampled_from(_BY_KEY), inner, inner),
        st.builds("map(&{}, {})".format, inner, inner),
        st.tuples(st.sampled_from(_OF_SUITABLE_ARGUMENTS), both).map(
            lambda drawn: drawn[0].format(*drawn[1])
        ),
    )


def _spans(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bounds = (
        "[*]", "[]", "[ * ]", "[0]", "[-1]", "[ 1 ]", "[7]", "[1:]", "[:-1]", "[::2]", "[::-1]",
        "[-3:2:1]",
    )  # fmt: skip
    return st.builds("{}{}".format, inner, st.sampled_from(bounds))


def _comparator() -> st.SearchStrategy[str]:
    return st.sampled_from(_COMPARATORS)


def _arithmetic() -> st.SearchStrategy[str]:
    return st.sampled_from(("+", "-", "*", "×", "/", "÷", "//", "%"))


def _identifier(name: str) -> str:
    return f'"{name}"' if " " in name else name


# ---------------------------------------------------------------------------- the yardstick


class _StrictFunctions(Functions):
    """The library's functions, but for those where bff refuses what Python lets through."""

    @signature({"types": ["object"], "variadic": True})
    def _func_merge(self, *arguments: Any) -> Any:
        _require("merge", arguments, dict)
        return super()._func_merge(*arguments)

    @signature({"types": ["array"], "variadic": True})
    def _func_zip(self, *arguments: Any) -> Any:
        _require("zip", arguments, list)
        return super()._func_zip(*arguments)

    @signature({"types": ["array"]})
    def _func_from_items(self, items: Any) -> Any:
        _require("from_items", items, list)
        _require("from_items", [pair[0] for pair in items], str)
        return super()._func_from_items(items)

    @signature({"types": ["array"]}, {"types": ["expref"]})
    def _func_group_by(self, array: Any, expref: Any) -> Any:
        return super()._func_group_by(array, expref) if array else {}

    @signature({"types": []})
    def _func_to_number(self, argument: Any) -> Any:
        number = super()._func_to_number(argument)
        return number if number is None or math.isfinite(number) else None


def _require(function: str, values: Any, kind: type) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise JMESPathTypeError(function, value, type(value).__name__, [kind.__name__])


def _computed(compute: Any) -> Any:
    def of_numbers(one: Any, other: Any) -> Any:
        for each in (one, other):
            if isinstance(each, bool) or not isinstance(each, int | float):
                raise JMESPathTypeError("arithmetic", each, type(each).__name__, ["number"])
        result = compute(one, other)
        if not math.isfinite(result) or (isinstance(result, int) and abs(result) >= 2**63):
            raise ValueError("too big")
        return result

    return of_numbers


class _Interpreter(TreeInterpreter):
    """The library's, where it computes with numbers alone, and where what stands after a dot sees
    no null in a projection either (the library has that rule for `a.b` alone)."""

    _ARITHMETIC_FUNC = {  # noqa: RUF012
        name: _computed(compute)
        for name, compute in {
            **TreeInterpreter._ARITHMETIC_FUNC,
            "div": lambda one, other: math.floor(one // other),
        }.items()
    }
    _ARITHMETIC_UNARY_FUNC = {  # noqa: RUF012
        "minus": lambda one: _computed(lambda number, _: -number)(one, 0),
        "plus": lambda one: _computed(lambda number, _: number)(one, 0),
    }

    def _visit_elements(self, node: Any, value: Any) -> Any:
        kind = node["type"]
        method = getattr(TreeInterpreter, f"visit_{kind}")
        right = node["children"][1]
        first = right
        while first["type"] in ("subexpression", "index_expression", "projection"):
            first = first["children"][0]
        guarded = {**node, "children": [*node["children"]]}
        if first["type"] in ("multi_select_list", "multi_select_dict", "function_expression"):
            guarded["children"][1] = {"type": "unless_null", "children": [right]}
        return method(self, guarded, value)

    visit_projection = visit_filter_projection = visit_value_projection = _visit_elements

    def visit_unless_null(self, node: Any, value: Any) -> Any:
        return None if value is None else self.visit(node["children"][0], value)


def slices_an_element(node: Node) -> bool:
    """Whether there is an `a[0][1:]`, no projection to the library, against the grammar."""
    sliced = node.kind == "index_expression" and node.children[-1].kind == "slice"
    if sliced and node.children[0].kind == "index_expression":
        return True
    return any(map(slices_an_element, node.children))


def search_with_library(source: str, data: Any) -> Any:
    """What the library gives. Raises where it refuses a value."""
    options = jmespath.Options(custom_functions=_StrictFunctions())
    return _Interpreter(options).evaluate(jmespath.compile(source).parsed, data)


# What the tables of functions read.
FUNCTIONS_ROOT = {
    "secret": "s3cret",
    "words": ["pear", "fig"],
    "rows": [{"k": 2, "s": "b"}, {"k": 1, "s": "a"}, {"k": 2, "s": "c"}],
    "object": {"b": 1, "a": None},
}
