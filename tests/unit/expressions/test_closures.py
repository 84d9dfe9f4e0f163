"""Every kind of node at run time, the odd corners of JMESPath among them."""

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import parse_expression
from tests.support.generated.expressions import search_with_library

ROOT = {
    "user": {"id": 7, "name": "Ada", "x y": 1, "address": {"city": {"zip": {"code": "8000"}}}},
    "gone": None,
    "zero": 0,
    "yes": True,
    "text": "abc",
    "empty": [],
    "numbers": [3, 1, 2],
    "orders": [
        {"id": 1, "total": 10.5, "status": "paid", "items": [{"n": 1}, {"n": 2}]},
        {"id": 2, "total": 0, "status": "open", "items": []},
        {"id": 3, "total": None, "status": "paid", "items": [{"n": None}, {}]},
    ],
    "by_name": {"a": {"n": 1}, "b": {"n": None}, "c": 5},
    "nested": [[1, [2]], 3, None, []],
    "mixed": ["text", {"n": 0}, None, [1], {"m": 1}, {"n": None}],
}


def _evaluate(source: str) -> Any:
    return compile_node(parse_expression(source))(ROOT)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # field, subexpression
        ("user.name", "Ada"),
        ('user."x y"', 1),
        ("user.address.city.zip.code", "8000"),
        ("nobody", None),
        ("gone.name", None),
        ("user.name.first", None),
        ("numbers.length", None),
        ("user.address.nowhere.zip.code", None),
        # current, identity, pipe
        ("user | name", "Ada"),
        ("@.user.id", 7),
        ("orders[*].id | [0]", 1),
        # index, index_expression, slice
        ("numbers[0]", 3),
        ("numbers[-1]", 2),
        ("numbers[7]", None),
        ("text[0]", None),
        ("user[0]", None),
        ("nested[0][1][0]", 2),
        ("numbers[1:]", [1, 2]),
        ("numbers[::-1]", [2, 1, 3]),
        ("text[1:]", "bc"),
        ("orders[:2].id", [1, 2]),
        # projection, value_projection, flatten
        ("orders[*].total", [10.5, 0]),
        ("orders[*]", ROOT["orders"]),
        ("nested[*]", [[1, [2]], 3, []]),
        ("mixed[*].n", [0]),
        ("orders[*].items[*].n", [[1, 2], [], []]),
        ("orders[].items[].n", [1, 2]),
        ("text[*].n", None),
        ("gone[].n", None),
        ("nested[]", [1, [2], 3]),
        ("orders[]", ROOT["orders"]),
        ("by_name.*.n", [1]),
        ("by_name.*", [{"n": 1}, {"n": None}, 5]),
        ("numbers.*", None),
        # filter_projection
        ("orders[?status == 'paid'].id", [1, 3]),
        ("orders[?status == 'paid']", [ROOT["orders"][0], ROOT["orders"][2]]),
        ("orders[?total].id", [1, 2]),
        ("orders[?items && total].id", [1]),
        ("orders[?!items || total > `10`].id", [1, 2]),
        ("orders[?total < `5`].id", [2]),
        ("mixed[?@]", ["text", {"n": 0}, [1], {"m": 1}, {"n": None}]),
        ("text[?@]", None),
        # multi_select_list, multi_select_dict, key_val_pair
        ("[user.id, gone]", [7, None]),
        ("{id: user.id, none: gone.id}", {"id": 7, "none": None}),
        ("user.{id: id, nick: nick}", {"id": 7, "nick": None}),
        ("text.{a: b}", {"a": None}),
        ("gone.{id: id}", None),
        ("gone.[id]", None),
        ("gone.{id: id, of: name.first}", None),
        ("orders[*].{id: id, n: items[0].n}", [{"id": 1, "n": 1}, {"id": 2, "n": None},
                                               {"id": 3, "n": None}]),
        ("{a: user.id, a: text}", {"a": "abc"}),
        # or, and, not
        ("gone || text", "abc"),
        ("zero || text", 0),
        ("empty || `1`", 1),
        ("gone && text", None),
        ("zero && text", "abc"),
        ("empty && text", []),
        ("gone || empty || text || zero", "abc"),
        ("gone || empty || user.nick", None),
        ("zero && text && empty && yes", []),
        ("zero && text && yes", True),
        ("orders[?status == 'none' || total == `0` || id == `1`].id", [1, 2]),
        ("orders[?status == 'paid' && total && items].id", [1]),
        (" || ".join([*["gone"] * 500, "text"]), "abc"),
        (" && ".join([*["zero"] * 500, "text"]), "abc"),
        (f"orders[?{' || '.join(['id == `9`'] * 500)} || id == `2`].id", [2]),
        (f"orders[?{' && '.join(['id'] * 500)} && id == `2`].id", [2]),
        (" | ".join(["user", *["@"] * 500, "id"]), 7),
        ("!empty", True),
        ("!zero", False),
        ("!user.name", None),  # (!user).name
        ("!(user.name)", False),
        # comparator
        ("zero == `0.0`", True),
        ("zero == `false`", False),
        ("zero != `false`", True),
        ("yes == `1`", False),
        ("yes == `true`", True),
        ("`null` == gone", True),
        ("user.id == orders[0].id", False),
        ("numbers == `[3, 1, 2]`", True),
        ("'abc' == text", True),
        ("user.id >= `7`", True),
        ("user.id < `7.5`", True),
        ("text < 'b'", True),
        ("yes < `2`", None),
        ("gone < `2`", None),
        ("numbers > `2`", None),
        # literal, function_expression, expref
        ("`{\"a\": [1]}`.a[0]", 1),
        ("'it\\'s'", "it's"),
        ("sort_by(orders, &id)[-1].id", 3),
        ("map(&n, mixed)", [None, 0, None, None, None, None]),
    ],
)  # fmt: skip
def test_a_node_gives_its_value(source: str, value: Any) -> None:
    found = _evaluate(source)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("source", ["text < zero", "zero >= text", "orders[?id > 'x']"])
def test_a_number_beside_a_string_in_an_order_is_refused(source: str) -> None:
    with pytest.raises(EvaluationError, match=r"^>?<?=? compares two numbers or two strings, not "):
        _evaluate(source)


@pytest.mark.parametrize(
    "name",
    [
        "class",
        "None",
        "value",
        "missing",
        "c0",
        "v1",
        "__import__",
        "'",
        "\\",
        "\n",
        "]: 1 #",
        "{x}",
        "é",
    ],
)
def test_names_that_look_like_source_are_names_in_a_projection(name: str) -> None:
    quoted = json.dumps(name)
    projection = parse_expression(f"[?{quoted}].{{{quoted}: {quoted}.{quoted}, n: [{quoted}]}}")
    inner = {name: 1}
    assert compile_node(projection)([{name: inner}, {}]) == [{name: 1, "n": [inner]}]


@pytest.mark.parametrize("depth", range(1, 60, 7))
def test_projections_lie_within_each_other_deeper_than_loops_of_python(depth: int) -> None:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    assert compile_node(parse_expression("[*]" * depth))(value) == value
    assert compile_node(parse_expression("[?@]" * depth))(value) == value
    listed = "@" + "[*].[@" * (depth // 3) + "]" * (depth // 3)
    assert compile_node(parse_expression(listed))(value) == search_with_library(listed, value)


@pytest.mark.parametrize("depth", range(1, 16, 2))
def test_root_and_variables_are_seen_from_any_depth(depth: int) -> None:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    source = f"let $x = n in list{'[*].[@' * depth} | [$.n, $x, @]{'][0]' * depth}"
    found = compile_node(parse_expression(source))({"n": 7, "list": value})
    for _ in range(depth):
        assert isinstance(found, list)
        (found,) = found
    assert found == [7, 7, "deep"]


def test_an_object_of_a_projection_may_have_very_many_fields() -> None:
    row = {f"f{number}": number for number in range(1000)}
    fields = ", ".join(f"{name}: {name}" for name in row)
    assert compile_node(parse_expression(f"[*].{{{fields}}}"))([row]) == [row]


def test_a_root_may_be_any_mapping_or_a_list() -> None:
    assert compile_node(parse_expression("user.id"))(MappingProxyType(ROOT)) == 7
    assert compile_node(parse_expression("{id: user, t: text}"))(MappingProxyType(ROOT)) == {
        "id": ROOT["user"],
        "t": "abc",
    }
    assert compile_node(parse_expression("[0].id"))([{"id": 5}]) == 5


def test_data_of_any_depth_gives_a_value_or_is_refused() -> None:
    deep: Any = []
    twin: Any = []
    for _ in range(100_000):
        deep, twin = [deep], [twin]
    root = {"deep": deep, "twin": twin, "list": [twin]}
    for source in ("deep[][]", "to_array(deep)", "!deep", "[deep, twin][].length(@)"):
        compile_node(parse_expression(source))(root)
    for source in ("deep == twin", "contains(list, deep)", "to_string(deep)"):
        with pytest.raises(EvaluationError, match=r"too (deeply|big)"):
            compile_node(parse_expression(source))(root)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("lenght(a)", "unknown function lenght()"),
        ("abs(a, b)", "abs() can't take 2 arguments"),
        ("merge()", "merge() can't take 0 arguments"),
        ("sort_by(a, b)", "sort_by() takes an expression (&…) as argument 2"),
        ("map(a, b)", "map() takes an expression (&…) as argument 1"),
        ("length(&a)", "an expression with & is an argument of"),
        ("&a", "an expression with & is an argument of"),
    ],
)
def test_what_type_inference_refuses_does_not_compile(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        compile_node(parse_expression(source))


def test_a_closure_can_be_called_by_many_and_keeps_no_state() -> None:
    closure: Callable[[Any], Any] = compile_node(parse_expression("a[].{n: n} | [0]"))
    assert closure({"a": [{"n": 1}]}) == {"n": 1}
    assert closure({"a": None}) is None
    assert closure({"a": [{"n": 2}]}) == {"n": 2}
