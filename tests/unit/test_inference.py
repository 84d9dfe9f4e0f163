"""The type of every kind of expression, and of what every function gives."""

import pytest
from jmespath.functions import Functions

from bff.plan.expressions.grammar.parsing import Node, parse_expression
from bff.plan.expressions.types.inference import infer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe
from tests.support.shop_types import ORDER, ROOT, USER

ITEM = "{product_id: integer, price: number | null}"

TYPES = {
    # names
    "user.name": "string",
    "user.nick": "string | null",
    "guest.name": "string | null",
    '"user"."name"': "string",
    "@.user.name": "string",
    "orders[0].placed": "string | null",
    "stock.apples": "integer | null",
    "loose.a.b": "anything",
    "tree.children[0].label": "string | null",
    # one of several types
    "payment.kind": '"bank" | "card"',
    "payment.number": "string | null",
    "payments[].fee": "list[integer]",
    # lists
    "orders[0].id": "integer | null",
    "orders[-1].items": f"list[{ITEM}] | null",
    "late[0].id": "integer | null",
    "orders[1:].id": "list[integer]",
    "orders[::-1].id": "list[integer]",
    "late[1:].id": "list[integer] | null",
    "orders[*].id": "list[integer]",
    "orders[].id": "list[integer]",
    "late[].id": "list[integer] | null",
    "orders[].note": "list[string]",
    "orders[].placed": "list[string]",
    "orders[*].items": f"list[list[{ITEM}]]",
    "orders[].items[].price": "list[number]",
    "matrix[]": "list[integer]",
    "matrix[*]": "list[list[integer]]",
    "tree.children[].children[].label": "list[string]",
    "[user.id, orders[].id][]": "list[integer]",
    "loose[].id": "anything",
    "loosely[].id": "list[anything]",
    "`[]`[].x": "list[nothing]",
    # objects
    "stock.*": "list[integer]",
    "params.*": "list[integer | string]",
    "*.id": "list[anything]",
    "user.{id: id, called: nick}": "{id: integer, called: string | null}",
    "guest.{id: id}": "{id: integer} | null",
    "orders[].{id: id, n: length(items)}": "list[{id: integer, n: integer}]",
    "{a: user.id, b: `1`}": "{a: integer, b: 1}",
    "user.[id, name]": "list[integer | string]",
    "guest.[id]": "list[integer] | null",
    "loose.{a: b}": "{a: anything} | null",
    "loosely[].{a: b}": "list[{a: anything}]",
    # literals
    "'a'": '"a"',
    "`null`": "null",
    "`1.5`": "1.5",
    "`true`": "true",
    "`[1, null]`": "list[1 | null]",
    '`{"a": []}`': "{a: list[nothing]}",
    # logic
    "user.nick || user.name": "string",
    "user.nick || params.q": "string | null",
    "late || `[]`": describe(t.ListOf(ORDER)),
    "(guest || `{}`).name": "string | null",
    "guest.name || user.nick || params.q": "string | null",
    "guest.name || user.nick || user.name || user.id": "integer | string",
    " || ".join(["user.nick"] * 500): "string | null",
    "user && guest && user.id": "integer | null",
    " | ".join(["user", *["@"] * 500, "id"]): "integer",
    "user || `{}`": describe(USER),
    "user.vip || 'no'": '"no" | true',
    "user.vip || `false`": "boolean",
    "user.id || 'none'": "integer",
    "loose || 'x'": "anything",
    "user.vip && user.name": "false | string",
    "user.nick && user.id": '"" | integer | null',
    "guest && guest.id": "integer | null",
    "user.tags && user.tags[0]": "list[nothing] | string | null",
    "user.id && user.name": "string",
    "`null` && user.id": "null",
    "!guest": "boolean",
    "!(guest.vip)": "boolean",
    # comparisons
    "user.id == `5`": "boolean",
    "user.nick == `null`": "boolean",
    "user.name != 'x'": "boolean",
    "guest.id == params.q": "boolean",
    "user.id > `5`": "boolean",
    "user.name >= 'm'": "boolean",
    "guest.id > `5`": "boolean | null",
    "loose > `5`": "boolean | null",
    # filters, and what they tell
    "orders[?total > `5`].id": "list[integer]",
    "late[?total > `5`].id": "list[integer] | null",
    "payments[?kind == 'card'].number": "list[string]",
    "payments[?kind == 'card'] | [0].number": "string | null",
    "map(&number, payments[?kind == 'card'])": "list[string]",
    "map(&fee, payments[?'bank' == kind])": "list[integer]",
    "map(&fee, payments[?kind != 'card'])": "list[integer]",
    "map(&number, payments[?number])": "list[string]",
    "map(&fee, payments[?!number])": "list[integer | null]",
    "map(&note, orders[?note])": "list[string]",
    "map(&note, orders[?note != `null`])": "list[string]",
    "map(&note, orders[?note > 'm'])": "list[string]",
    "map(&note, orders[?note || id])": "list[string | null]",
    "map(&note, orders[?total > `5` && note])": "list[string]",
    "map(&note, orders[?total && note && id])": "list[string]",
    "map(&note, orders[?note && id || note && total || note])": "list[string]",
    "map(&placed, orders[?placed])": "list[string]",
    # one after the other
    "orders[].total | sum(@)": "number",
    "orders | [0].id": "integer | null",
    "user | {n: name}": "{n: string}",
}


def check(source: str, root: t.Type = ROOT) -> str:
    inferred, problems = infer(parse_expression(source), root)
    assert not problems, [str(problem) for problem in problems]
    return describe(inferred)


@pytest.mark.parametrize("source", TYPES)
def test_expression_has_its_type(source: str) -> None:
    assert check(source) == TYPES[source]


CALLS = {
    "abs(user.id)": "integer",
    "abs(orders[0].total || `0`)": "number",
    "avg(orders[].total)": "number | null",
    "ceil(`1.5`)": "integer",
    "contains(user.tags, 'a')": "boolean",
    "contains(user.name, 'a')": "boolean",
    "ends_with(user.name, 'a')": "boolean",
    "floor(`1.5`)": "integer",
    "join(', ', user.tags)": "string",
    "join(' ', [user.name, user.nick][])": "string",
    "keys(stock)": "list[string]",
    "length(user.name)": "integer",
    "length(late || `[]`)": "integer",
    "map(&note, orders)": "list[string | null]",
    "max(orders[].total)": "number | null",
    "max(user.tags)": "string | null",
    "max_by(orders, &total).id": "integer | null",
    "merge({a: user.id, b: 'x'}, {b: user.name})": "{a: integer, b: string}",
    "merge(guest || `{}`, {id: user.name}).id": "string",
    "merge(stock, {a: 'x'})": '{a: "x", *: integer}',
    "merge({a: 'x'}, stock)": '{a: "x" | integer, *: integer}',
    "merge(loose, {a: 'x'})": '{a: "x", *: anything}',
    "min(orders[].id)": "integer | null",
    "min_by(orders, &status).id": "integer | null",
    "not_null(user.nick, params.q, 'x')": "string",
    "not_null(user.nick, params.q)": "string | null",
    "not_null(user.id, loose)": "integer",
    "reverse(user.tags)": "list[string]",
    "reverse('abc')": "string",
    "sort(user.tags)": "list[string]",
    "sort_by(orders, &total)[0].id": "integer | null",
    "starts_with(user.name, 'a')": "boolean",
    "sum(orders[].total)": "number",
    "sum(orders[].id)": "integer",
    "sum(loosely)": "number",
    "to_array(user.id)": "list[integer]",
    "to_array(late)": describe(t.Union(frozenset({t.ListOf(ORDER), t.ListOf(t.NULL)}))),
    "to_number(user.id)": "integer",
    "to_number(user.name)": "number | null",
    "to_number(loose)": "number | null",
    "to_number(user.tags)": "null",
    "to_string(user)": "string",
    "type(guest)": '"null" | "object"',
    "type(user.id)": '"number"',
    "type(loose)": '"array" | "boolean" | "null" | "number" | "object" | "string"',
    "values(stock)": "list[integer]",
    "values(params)": "list[integer | string | null]",
}


@pytest.mark.parametrize("source", CALLS)
def test_call_has_its_type(source: str) -> None:
    assert check(source) == CALLS[source]


def test_every_function_of_jmespath_has_a_case() -> None:
    called = {source.partition("(")[0] for source in CALLS}
    assert called == set(Functions.FUNCTION_TABLE)


NODE_KINDS = {
    *("field", "subexpression", "index", "index_expression", "slice", "projection"),
    *("value_projection", "filter_projection", "flatten", "pipe", "or_expression"),
    *("and_expression", "not_expression", "comparator", "literal", "multi_select_list"),
    *("multi_select_dict", "key_val_pair", "function_expression", "expref", "current", "identity"),
}


def kinds_in(node: Node) -> set[str]:
    return {node.kind}.union(*map(kinds_in, node.children))


def test_every_kind_of_node_has_a_case() -> None:
    seen = set[str]().union(*(kinds_in(parse_expression(each)) for each in (*TYPES, *CALLS)))
    assert seen == NODE_KINDS


def test_root_that_is_an_operations_value_is_read_by_its_fields() -> None:
    assert check("items[0].price", ORDER) == "number | null"
    assert check("@", ORDER) == describe(ORDER)
