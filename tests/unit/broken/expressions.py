"""Expressions: operators, `$`, variables and functions."""

from tests.unit.broken import Broken, broken_composition


def broken_expression(expression: str, message: str) -> Broken:
    """An expression of a response over a user, orders, and what may be null."""
    return broken_composition(
        f"""
endpoint: GET /screen/{{id}}
params: {{id: {{type: integer}}, q: {{type: string, required: false}}}}
steps:
  user: {{call: shop.get_user, with: {{id: 1}}}}
  late: {{call: shop.list_orders, with: {{user_id: 1}}, on_failure: optional}}
  orders: {{call: shop.list_orders, with: {{user_id: 1}}}}
response:
  value: "${{{expression}}}"
""",
        f"response.value: {message}",
    )


ROWS = {
    "arithmetic on null": broken_expression(
        "▶late.orders[0].total * 2",
        "the left side of `*` may be null, and a number is wanted. Say what is taken instead:"
        " (… || 0).",
    ),
    "arithmetic on a text": broken_expression(
        "params.id + ▶user.firstName",
        "the right side of `+` is string, and a number is wanted. (to_number(…) || 0) reads a"
        " number from it.",
    ),
    "texts added": broken_expression(
        "▶user.firstName + user.role",
        "the left side of `+` is string, and a number is wanted. Texts are put together with"
        " join('', [a, b]).",
    ),
    "sign before null": broken_expression(
        "-▶params.q",
        "what stands after `-` is string | null, and a number is wanted. (to_number(…) || 0)"
        " reads a number from it.",
    ),
    "division by zero": broken_expression("▶params.id / 0", "a division by zero."),
    "name with a dash": broken_expression(
        "user.▶first-name",
        'User has no field \'first\'. A name with a dash stands in double quotes: "first-name".'
        " Known: born, firstName, id, last_name, role. Did you mean 'firstName'?",
    ),
    "root within a list": broken_expression(
        "orders.orders[?id == ▶params.id]",
        "'params' is looked for in what stands here, which has no such field: within a"
        " projection, a filter, a pipe or a function's &expression, names are read from the"
        " element. From the root it is $.params.",
    ),
    "null without backticks": broken_expression(
        "params.q != ▶null",
        "unknown name 'null'. The value is written in backticks: `null`. Known: claims, degraded,"
        " late, orders, params, user.",
    ),
    "true without backticks, within a list": broken_expression(
        "orders.orders[?id == ▶true]",
        "Order has no field 'true'. The value is written in backticks: `true`. Known: id, items,"
        " total.",
    ),
    "unknown name after the root": broken_expression(
        "orders.orders[?id == $.▶parms.id]",
        "unknown name 'parms'. Known: claims, degraded, late, orders, params, user."
        " Did you mean 'params'?",
    ),
    "whole root": broken_expression(
        "▶{all: $}",
        "this reads everything at once. Name what you mean: params, claims, user, late,"
        " orders, degraded.",
    ),
    "unbound variable": broken_expression(
        "▶$user.id",
        "nothing gives $user a value here. The root's names stand without a sign: user. A"
        " variable is bound around its use: let $user = … in ….",
    ),
    "let without in": broken_expression(
        "let $u = user ▶$u.id", "unexpected '$u'.",
    ),
    "word for an operator": broken_expression(
        "user.id == 7 ▶and params.q", "unexpected 'and'. Write `&&` for and.",
    ),
    "question marks for ||": broken_expression(
        "params.q ?▶? 'none'", "unexpected '?'. `||` gives another value in the place of null.",
    ),
    "ternary without an end": broken_expression(
        "params.q ? 1▶",
        "the expression ends too early. Add what is missing: a value, a name, or what closes what"
        " was opened.",
    ),
    "number in a list": broken_expression(
        "[user.id, ▶1]",
        "unexpected '1'. In a list, a number stands in backticks: `1`.",
    ),
    "index after a dot": broken_expression(
        "orders.orders.[▶0]", "unexpected '0'. An element is read without the dot: [0].",
    ),
    "step of the root within a function": broken_expression(
        "map(&▶user.id, orders.orders)",
        "'user' is looked for in what stands here, which has no such field: within a projection,"
        " a filter, a pipe or a function's &expression, names are read from the element. From the"
        " root it is $.user.",
    ),
    "key that is no text": broken_expression(
        "index_by(orders.orders, ▶&id)",
        "index_by() indexes by a string, and this is integer. to_string(…) makes a string of it.",
    ),
    "key that get is not given as text": broken_expression(
        "get(user, ▶user.id)",
        "the 2nd argument of get() is integer, and a string is wanted. to_string(…) makes a"
        " string of it.",
    ),
    "no pairs": broken_expression(
        "from_items(▶orders.orders[*].[id, total])",
        "the argument of from_items() is list[[integer, number]], and a list of pairs [string,"
        " value] is wanted. items(…), zip(names, values) and list[].[name, value] give pairs.",
    ),
    "digits that are no whole number": broken_expression(
        "round(params.id, ▶0.5)",
        "the 2nd argument of round() is 0.5, and a whole number is wanted. round(…), floor(…) and"
        " ceil(…) make a whole number of it.",
    ),
    "padding of two characters": broken_expression(
        "pad_left(user.firstName, 9, ▶'ab')", "pad_left() fills with one character.",
    ),
    "too many arguments": broken_expression(
        "▶split('a', 'b', 1, 2)", "split() takes 2 to 3 arguments, not 4.",
    ),
    "text that may be no number": broken_expression(
        "▶to_number('x') // 1",
        "the left side of `//` may be null, and a number is wanted. Say what is taken instead:"
        " (… || 0).",
    ),
}  # fmt: skip
