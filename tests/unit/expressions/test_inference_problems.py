"""Every mistake in an expression is told once, at its place (`▶`), with how to mend it."""

import pytest

from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.types.inference import infer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable
from tests.support.plan.shop_types import ORDER, ROOT, object_of

MARK = "▶"
ELEMENT = "names are read from the element"

PROBLEMS = [
    # names
    ("▶parms.user_id", "unknown name 'parms'", "Did you mean 'params'?"),
    ("user.▶nam", "User has no field 'nam'", "Did you mean 'name'?"),
    ("guest.▶nam.x.y", "User has no field 'nam'", "Did you mean 'name'?"),
    ("params.▶qq", "no field 'qq'", "Did you mean 'q'?"),
    ("payment.▶iban", "Bank or Card has no field 'iban'", "Known: fee, kind, number."),
    ("orders[].▶totl", "Order has no field 'totl'", "Did you mean 'total'?"),
    ("tree.children[].children[].▶labl", "Node has no field 'labl'", "'label'"),
    ("user.▶orders", "User has no field 'orders'", "Known: id, name"),
    ("orders[].▶user", "Order has no field 'user'", "Known: id, items"),
    ("orders.▶id", "'id' is read from list[Order], which has no fields", "[].id"),
    ("user.name.▶x", "'x' is read from string, which has no fields", ""),
    ("user.nick.▶x", "'x' is read from string, which has no fields", ""),
    # names for texts
    ('orders[?status == ▶"shiped"]', "no field 'shiped'", "single quotes make a text: 'shiped'"),
    ('orders[?▶status == "id"]', "never equals integer", "single quotes make a text: 'id'"),
    ('orders[?status == ▶"user"]', "'user' is looked for", "single quotes make a text: 'user'"),
    ('user.name == ▶"x"', "unknown name 'x'", "single quotes make a text: 'x'"),
    ('join(▶", ", user.tags)', "unknown name ', '", "single quotes make a text: ', '"),
    # names of the root where an element is seen
    ("orders[?id == ▶params.user_id]", f"'params' is looked for.*{ELEMENT}", "it is $.params"),
    ("orders[].{id: id, user: ▶user.name}", f"'user' is looked for.*{ELEMENT}", "it is $.user"),
    ("orders[*].[id, ▶user.name]", f"'user' is looked for.*{ELEMENT}", "it is $.user"),
    ("orders | ▶params.q", f"'params' is looked for.*{ELEMENT}", "it is $.params"),
    ("map(&▶user.name, orders)", f"'user' is looked for.*{ELEMENT}", "it is $.user"),
    ("orders[].join(',', [▶user.name])", f"'user' is looked for.*{ELEMENT}", "it is $.user"),
    ("user.tags[?@ == ▶params.q]", f"'params' is looked for.*{ELEMENT}", "it is $.params"),
    # lists and objects
    ("user▶[0]", "[0] wants a list, and this is User", "`.*`"),
    (
        "orders[?total > 5]▶[0]",
        "[0] wants a list, and this is Order",
        "`| [0]` reads from the list",
    ),
    ("user▶[1:]", "a slice wants a list or a string, and this is User", "`.*`"),
    ("▶user[].id", "`[]` wants a list, and this is User", "`.*`"),
    ("▶user[*].id", "`[*]` wants a list, and this is User", "`.*`"),
    ("▶guest[?id]", "a filter wants a list, and this is User", "`.*`"),
    ("▶user.name[]", "`[]` wants a list, and this is string", ""),
    ("▶orders.*", "`*` wants an object, and this is list[Order]", "`[]`"),
    # negation
    ("▶!user.vip", "`!a.b` is read as `(!a).b`", "!(a.b)"),
    ("▶!guest.vip.x", "`!a.b` is read as `(!a).b`", "!(a.b)"),
    ("▶!orders[]", "`!a.b` is read as `(!a).b`", "!(a.b)"),
    ("▶!orders[?id]", "`!a.b` is read as `(!a).b`", "!(a.b)"),
    ("▶!user.*", "`!a.b` is read as `(!a).b`", "!(a.b)"),
    # comparisons
    ("▶user.id == '5'", 'integer never equals "5"', "without quotes: 5"),
    ("▶user.name == `5`", "string never equals 5", "'5'"),
    ("▶user.name != `5`", "string never equals 5", "'5'"),
    ("orders[?▶status == 'shiped']", 'never equals "shiped"', "Did you mean 'shipped'?"),
    ("orders[?▶'x' == id]", '"x" never equals integer', "without quotes: 5"),
    ("▶user.name == user.id", "string never equals integer", "of the number: to_string(…)"),
    ("▶user.id == user.name", "integer never equals string", "of the number: to_string(…)"),
    ("▶user == orders", "User never equals list[Order]", ""),
    ("▶user.vip > `5`", "only numbers and strings are ordered, and this is boolean", ""),
    ("▶user.name > `null`", "only numbers and strings are ordered, and this is null", ""),
    ("▶user.name > `5`", "string and 5 can't be ordered", "to_number"),
    ("▶params.q < guest.id", "string | null and integer | null can't be ordered", "to_number"),
    # arithmetic
    ("▶guest.id * 2", "the left side of `*` may be null, and a number is wanted", "(… || 0)"),
    ("2 - ▶guest.id", "the right side of `-` may be null, and a number is wanted", "(… || 0)"),
    ("orders[?▶note + 1]", "the left side of `+` is string | null", "(to_number(…) || 0)"),
    ("▶user.name + user.nick", "the left side of `+` is string", "join('', [a, b])"),
    ("user.id * ▶'2'", 'the right side of `*` is "2", and a number', "(to_number(…) || 0)"),
    ("-▶guest.id", "what stands after `-` may be null", "(… || 0)"),
    ("-▶user.tags", "what stands after `-` is list[string], and a number is wanted", ""),
    ("▶user.id / 0", "a division by zero", ""),
    ("▶user.id % `0.0`", "a division by zero", ""),
    ("user.▶first-name", "User has no field 'first'", '"first-name"'),
    ("guest.id ? 1 : ▶guest.id + 1", "the left side of `+` is always null", ""),
    # the root, and variables
    ("orders[?id == $.▶parms.id]", "unknown name 'parms'", "Did you mean 'params'?"),
    ("$.user.▶nam", "User has no field 'nam'", "Did you mean 'name'?"),
    ("let $u = user in orders[?id == $u.▶idd]", "User has no field 'idd'", "'id'"),
    ("let $u = ▶usr in $u.id", "unknown name 'usr'", "Did you mean 'user'?"),
    ("let $n = guest.id in ▶$n + 1", "the left side of `+` may be null", "(… || 0)"),
    # functions
    ("▶lenght(user.name)", "unknown function 'lenght'", "Did you mean 'length'?"),
    ("▶lenght(&id)", "unknown function 'lenght'", "Did you mean 'length'?"),
    ("▶length()", "length() takes 1 argument, not 0", ""),
    ("▶join(user.name)", "join() takes 2 arguments, not 1", ""),
    ("▶merge()", "merge() takes at least 1 argument, not 0", ""),
    ("abs(▶user.name)", "the argument of abs() is string, and a number is wanted", "to_number"),
    ("sum(▶user.tags)", "is list[string], and a list of numbers is wanted", "to_number(@)"),
    ("sum(▶orders)", "is list[Order], and a list of numbers is wanted", "[].name"),
    ("join('', ▶orders[].id)", "the 2nd argument of join() is list[integer]", "map(&to_string"),
    ("join(▶`1`, user.tags)", "the 1st argument of join() is 1", "to_string"),
    ("length(▶user.id)", "a string, a list or an object is wanted", "to_string"),
    ("max(▶[user.id, user.name])", "a list of numbers or one of strings", ""),
    ("keys(▶user.tags)", "an object is wanted", ""),
    ("map(&id, ▶user)", "the 2nd argument of map() is User, and a list is wanted", "values("),
    ("merge(user, ▶`1`)", "the 2nd argument of merge() is 1, and an object is wanted", ""),
    ("contains(user.name, ▶`5`)", "the 2nd argument of contains() is 5", "to_string"),
    ("contains(user.name, ▶user.nick)", "the 2nd argument of contains() may be null", "|| ''"),
    ("contains(orders[].id, ▶'5')", 'integer never equals "5"', "without quotes: 5"),
    ("contains(orders[].status, ▶'opn')", 'never equals "opn"', "Did you mean 'open'?"),
    ("▶round(user.id, 1, 2)", "round() takes 1 to 2 arguments, not 3", ""),
    ("round(user.id, ▶1.5)", "the 2nd argument of round() is 1.5, and a whole number", "round(…)"),
    (
        "split(user.name, ▶1)",
        "the 2nd argument of split() is 1, and a string is wanted",
        "to_string",
    ),
    ("split(user.name, '', ▶-1)", "split() takes no number below 0", ""),
    ("pad_left(user.name, 5, ▶'ab')", "pad_left() fills with one character", ""),
    ("get(user, ▶user.id)", "the 2nd argument of get() is integer", "to_string"),
    ("get(▶orders, 'a')", "the 1st argument of get() is list[Order]", ""),
    ("from_items(▶user.tags)", "the argument of from_items() is list[string]", ""),
    ("from_items(▶matrix)", "a list of pairs [string, value] is wanted", "zip(names, values)"),
    ("from_items(▶orders[*].[id, status])", "a list of pairs [string, value]", "items(…)"),
    ("zip(user.tags, ▶user)", "the 2nd argument of zip() is User, and a list", "values("),
    # null where it raises
    ("sum(▶late[].total)", "the argument of sum() may be null", "|| `[]`"),
    ("length(▶guest)", "the argument of length() may be null", "|| `{}`"),
    ("length(▶user.nick)", "the argument of length() may be null", "|| ''"),
    ("abs(▶guest.id)", "the argument of abs() may be null", "|| 0"),
    ("abs(▶orders[0].total)", "the argument of abs() may be null", "|| 0"),
    ("length(▶`null`)", "the argument of length() is always null", ""),
    ("join(' ', ▶[user.name, user.nick])", "an element may be null", "`[]` after the list"),
    ("sum(▶map(&price, orders[].items[]))", "an element may be null", "`[]` after the list"),
    ("abs(▶max(orders[].id))", "the argument of abs() may be null", "|| 0"),
    # expressions as arguments
    ("sort_by(orders, ▶total)", "sort_by() wants an expression here", "&name"),
    ("max_by(user.tags, ▶id)", "max_by() wants an expression here", "&name"),
    ("map(▶'x', orders)", "map() wants an expression here", "&name"),
    (
        "to_string(▶&id)",
        "an `&expression` stands for no value",
        "map and the functions whose names end in _by",
    ),
    (
        "user" + " | {x: @, y: @}" * 10 + " | ▶{x: @, y: @}",
        "the type of this has over 20000 parts",
        "Repeat less in it.",
    ),
    (
        "▶&id",
        "an `&expression` stands for no value",
        "map and the functions whose names end in _by",
    ),
    ("sort_by(orders, ▶&note)", "what sort_by() orders by may be null", "&(… || '')"),
    ("max_by(orders[].items[], ▶&price)", "what max_by() orders by may be null", "&(… || 0)"),
    ("min_by(orders, ▶&items)", "min_by() orders by a number or by a string", ""),
    ("sort_by(payments, ▶&(fee || number))", "orders by a number or by a string", ""),
    ("index_by(orders, ▶&id)", "index_by() indexes by a string, and this is integer", "to_string"),
    ("index_by(orders, ▶&note)", "what index_by() indexes by may be null", "&(… || '')"),
    ("group_by(orders, ▶&items)", "group_by() groups by a string, and this is list[Item]", ""),
    ("map(&($.▶usr), orders)", "unknown name 'usr'", "Did you mean 'user'?"),
    ("sort_by(orders, &▶totl)", "Order has no field 'totl'", "Did you mean 'total'?"),
]


def split(marked: str) -> tuple[str, int]:
    return marked.replace(MARK, ""), marked.index(MARK)


@pytest.mark.parametrize(("marked", "what", "mend"), PROBLEMS, ids=[each[0] for each in PROBLEMS])
def test_mistake_is_told_once_at_its_place(marked: str, what: str, mend: str) -> None:
    source, offset = split(marked)
    _, problems = infer(parse_expression(source), ROOT)
    assert [problem.offset for problem in problems] == [offset], problems
    for part in what.split(".*"):
        assert part in problems[0].what
    assert mend in problems[0].mend


def test_name_in_double_quotes_after_a_dot_is_not_taken_for_a_text() -> None:
    _, (problem,) = infer(parse_expression('user."nam"'), ROOT)
    assert problem.mend == "Known: id, name, nick, tags, vip. Did you mean 'name'?"


MENDED = [
    "orders[?id == 5]",
    "orders[?id == 5] | [0]",
    "orders[?id == $.params.user_id]",
    "!(user.vip)",
    "user.id == `5`",
    "orders[?status == 'shipped']",
    "to_number(user.name) > 5",
    "abs((to_number(user.name) || 0))",
    "sum(map(&(to_number(@) || 0), user.tags))",
    "sum(orders[].total)",
    "join('', map(&to_string(@), orders[].id))",
    "sum(late[].total || `[]`)",
    "length(guest || `{}`)",
    "length(user.nick || '')",
    "join(' ', [user.name, user.nick][])",
    "sum(map(&price, orders[].items[])[])",
    "sort_by(orders, &(note || ''))",
    "sort_by(orders[?note], &note)",
    "(guest.id || 0) * 2",
    "join('', [user.name, user.nick || ''])",
    "index_by(orders, &to_string(id))",
    "index_by(orders[?note], &note)",
    "from_items(orders[*].[status, id])",
    "split(user.name, '', round(orders[0].total || 0))",
]


@pytest.mark.parametrize("source", MENDED)
def test_what_the_mends_propose_is_free_of_problems(source: str) -> None:
    assert infer(parse_expression(source), ROOT)[1] == ()


def test_each_of_several_mistakes_is_told_in_order() -> None:
    source = "{a: user.nam, b: parms.q, c: abs(user.name), d: user.name}"
    inferred, problems = infer(parse_expression(source), ROOT)
    assert [problem.offset for problem in problems] == [9, 17, 33]
    assert isinstance(inferred, t.ObjectOf)
    types = [field.type for _, field in inferred.fields]
    assert types == [t.ANYTHING, t.ANYTHING, t.ANYTHING, t.STRING]


SILENT = [
    "loose.x.y[].z | sum(@)",
    "loosely[?a.b == params].c",
    "abs(loose)",
    "join(loose, loose.x)",
    "sort_by(loosely, &a)",
    "loose > 'x'",
    "loose == `5`",
    "stock.params",
    "`[]`[].x.y",
    "`null`.x",
    "user.name != `null`",
    "guest.id == params.q",
    "user.nick == '5'",
]


@pytest.mark.parametrize("source", SILENT)
def test_what_is_not_surely_a_mistake_is_let_through(source: str) -> None:
    assert infer(parse_expression(source), ROOT)[1] == ()


def test_unknown_first_name_over_an_operations_value_names_its_model() -> None:
    _, (problem,) = infer(parse_expression("itms"), ORDER)
    assert problem.what == "Order has no field 'itms'"
    assert "Did you mean 'items'?" in problem.mend


def test_root_that_may_be_null_is_no_mistake() -> None:
    inferred, problems = infer(parse_expression("id"), nullable(object_of("A", id=t.INTEGER)))
    assert (inferred, problems) == (nullable(t.INTEGER), ())
