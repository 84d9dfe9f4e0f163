"""The type of every kind of expression, and of what every function gives."""

import pytest

from bff.plan.expressions.grammar.parsing import Node, parse_expression
from bff.plan.expressions.types.functions import SIGNATURES
from bff.plan.expressions.types.inference import infer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe
from tests.support.plan.shop_types import ORDER, ROOT, USER

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
    "user.[id, name]": "[integer, string]",
    "user.[id, name][1]": "string",
    "user.[id, name][-2]": "integer",
    "user.[id, name][2]": "null",
    "user.[id, name][1:]": "list[integer | string]",
    "[user.id, user.name] && user.id": "integer",
    "guest.[id]": "[integer] | null",
    "guest | {id: id}": "{id: integer | null}",
    "guest | [id]": "[integer | null]",
    "map(&[id], [guest])": "list[[integer | null]]",
    "[[user.id, user.name], user.id]": "[list[integer | string], integer]",
    "[guest][*].[id]": "list[[integer]]",
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
    "orders && [user.id, 'a']": '[integer, "a"] | list[nothing]',
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
    "1 < user.id": "boolean",
    # arithmetic
    "user.id + 1": "integer",
    "user.id - -2": "integer",
    "user.id * 2.5": "number",
    "user.id / 2": "number",
    "orders[0].total || 0": "number",
    "(orders[0].total || 0) // 2": "integer",
    "user.id % 7": "integer",
    "user.id % 0.5": "number",
    "-user.id": "integer",
    "+(guest.id || 0)": "integer",
    "loose * 2": "number",
    "orders[*].{n: id * 2}": "list[{n: integer}]",
    "guest.id != `null` && guest.id * 2": "false | integer",
    # the ternary
    "user.vip ? user.id : user.name": "integer | string",
    "guest.id == `null` ? 0 : guest.id * 2": "integer",
    "guest.id ? guest.id + 1 : 'none'": '"none" | integer',
    "!(guest.id) ? 'none' : guest.id + 1": '"none" | integer',
    "guest.id && guest.nick ? guest.id : 1": "integer",
    "!(guest.id) || !(guest.nick) ? '' : guest.nick": "string",
    "loose ? 1 : 2": "1 | 2",
    "`true` ? user.id : user.name": "integer",
    "`null` ? user.id : user.name": "string",
    # the root, and variables
    "$.user.name": "string",
    "orders[?id == $.user.id].id": "list[integer]",
    "orders[*].{id: id, of: $.user.name}": "list[{id: integer, of: string}]",
    "map(&[id, $.guest.name], orders)": "list[[integer, string | null]]",
    "let $name = user.name in orders[*].{id: id, of: $name}": "list[{id: integer, of: string}]",
    "let $x = user.id in let $x = 'a', $y = $x in [$x, $y]": '["a", integer]',
    "let $n = guest.nick in $n ? length($n) : 0": "integer",
    "let $u = guest in $u && $u.id": "integer | null",
    # parts of texts
    "user.name[1:]": "string",
    "user.nick[::-1]": "string | null",
    "user.name[1:].length(@)": "integer",
    "(user.vip && user.name)[:1]": "string | null",
    "guest.name.length(@)": "integer | null",
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
    "abs(orders[0].total || 0)": "number",
    "avg(orders[].total)": "number | null",
    "ceil(`1.5`)": "integer",
    "contains(user.tags, 'a')": "boolean",
    "contains(user.name, 'a')": "boolean",
    "ends_with(user.name, 'a')": "boolean",
    "find_first(user.name, 'a')": "integer | null",
    "find_last(user.name, 'a', 1, 2)": "integer | null",
    "floor(`1.5`)": "integer",
    "from_items(items(stock))": "dict[string, integer]",
    "from_items(orders[*].[status, total])": "dict[string, number]",
    "from_items(zip(user.tags, orders))": describe(t.ObjectOf(extra=ORDER)),
    "from_items(loose)": "dict[string, anything]",
    "get(stock, user.name)": "integer | null",
    "get(user, 'name')": "string",
    "get(user, 'nick')": "string | null",
    "get(user, user.name)": "boolean | integer | list[string] | string | null",
    "get(loose, 'a')": "anything",
    "group_by(orders, &status)": describe(t.ObjectOf(extra=t.ListOf(ORDER))),
    "group_by(orders, &note)": describe(t.ObjectOf(extra=t.ListOf(ORDER))),
    "index_by(orders, &status)": describe(t.ObjectOf(extra=ORDER)),
    "items(stock)": "list[[string, integer]]",
    "items(stock)[*].{id: [0], n: [1] * 2}": "list[{id: string, n: integer}]",
    "lower(user.name)": "string",
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
    "pad_left(user.name, 5)": "string",
    "pad_right(user.name, user.id, '.')": "string",
    "replace(user.name, 'a', 'b')": "string",
    "reverse(user.tags)": "list[string]",
    "reverse([user.id, user.name])": "list[integer | string]",
    "round(orders[0].total || 0)": "integer",
    "round(orders[0].total || 0, 2)": "number",
    "round(orders[0].total || 0, -2)": "integer",
    "round(user.id, 2)": "integer",
    "split(user.name, ' ')": "list[string]",
    "reverse('abc')": "string",
    "sort(user.tags)": "list[string]",
    "sort_by(orders, &total)[0].id": "integer | null",
    "starts_with(user.name, 'a')": "boolean",
    "sum(orders[].total)": "number",
    "sum(orders[].id)": "integer",
    "sum(loosely)": "number",
    "to_array(user.id)": "list[integer]",
    "to_array(late)": describe(t.Union(frozenset({t.ListOf(ORDER), t.ListOf(t.NULL)}))),
    "to_integer(user.name)": "integer | null",
    "to_integer(user.id)": "integer",
    "to_integer(orders[0].total)": "integer | null",
    "to_integer(user.vip)": "null",
    "to_integer(loose)": "integer | null",
    "to_number(user.id)": "integer",
    "to_number(user.name)": "number | null",
    "to_number(loose)": "number | null",
    "to_number(user.tags)": "null",
    "to_string(user)": "string",
    "type(guest)": '"null" | "object"',
    "type(user.id)": '"number"',
    "type(loose)": '"array" | "boolean" | "null" | "number" | "object" | "string"',
    "trim(user.name)": "string",
    "trim_left(user.name, 'a')": "string",
    "trim_right(user.name)": "string",
    "unique(user.tags)": "list[string]",
    "unique([user.id, user.name])": "list[integer | string]",
    "upper(user.name)": "string",
    "values(stock)": "list[integer]",
    "values(params)": "list[integer | string | null]",
    "zip(user.tags, orders[].id)": "list[[string, integer]]",
    "zip(`[]`, user.tags)[*][1]": "list[string]",
}


@pytest.mark.parametrize("source", CALLS)
def test_call_has_its_type(source: str) -> None:
    assert check(source) == CALLS[source]


def test_every_function_has_a_case() -> None:
    assert {source.partition("(")[0] for source in CALLS} == set(SIGNATURES)


NODE_KINDS = {
    *("field", "subexpression", "index", "index_expression", "slice", "projection"),
    *("value_projection", "filter_projection", "flatten", "pipe", "or_expression"),
    *("and_expression", "not_expression", "comparator", "literal", "multi_select_list"),
    *("multi_select_dict", "key_val_pair", "function_expression", "expref", "current", "identity"),
    *("root", "variable", "let_expression", "binding", "arithmetic", "sign", "ternary"),
    "unless_null",
}


def kinds_in(node: Node) -> set[str]:
    return {node.kind}.union(*map(kinds_in, node.children))


def test_every_kind_of_node_has_a_case() -> None:
    seen = set[str]().union(*(kinds_in(parse_expression(each)) for each in (*TYPES, *CALLS)))
    assert seen == NODE_KINDS


def test_root_that_is_an_operations_value_is_read_by_its_fields() -> None:
    assert check("items[0].price", ORDER) == "number | null"
    assert check("@", ORDER) == describe(ORDER)
