"""What expressions read, as far as their text tells."""

import pytest

from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.grammar.reads import static_reads


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("params.user_id", {"params.user_id"}),
        ("user", {"user"}),
        ("@.user.id", {"user.id"}),
        ("user | address | city", {"user.address.city"}),
        ('user."first name"', {"user.first name"}),
        ("`5`", set()),
        ("'text'", set()),
        ('`{"a": 1}`.a', set()),
        ("orders.orders[].items[].product_id", {"orders.orders"}),
        ("orders.orders[?total > `5`].id", {"orders.orders"}),
        ("orders.orders[0].id", {"orders.orders"}),
        ("orders.list[1:].id", {"orders.list"}),
        ("user.tags.*.id", {"user.tags"}),
        ("join(' ', [user.first, user.last])", {"user.first", "user.last"}),
        ("sum(orders.orders[].total)", {"orders.orders"}),
        ("sort_by(orders.orders, &total)[0].id", {"orders.orders"}),
        ("map(&params.x, orders.orders)", {"orders.orders"}),
        ("{id: user.id, n: params.limit}", {"user.id", "params.limit"}),
        ("[user.id, `1`]", {"user.id"}),
        ("user.{id: id}", {"user"}),
        ("user.id == params.user_id", {"user.id", "params.user_id"}),
        ("!(params.full)", {"params.full"}),
        ("!params.full", {"params"}),
        ("user.nick || user.name", {"user.nick", "user.name"}),
        ("(user || guest).name", {"user", "guest.name"}),
        ("(user && guest).name", {"user", "guest.name"}),
        ("(user || guest || other).name", {"user", "guest", "other.name"}),
        ("not_null(user, guest).name", {"user", "guest"}),
        ("user.id || user", {"user"}),
        ("@", {""}),
        ("*", {""}),
        ("keys(@)", {""}),
        ("[0]", {""}),
        ("{all: @}", {""}),
        (" || ".join(["params.x"] * 40), {"params.x"}),
    ],
)
def test_reads_are_paths_from_the_root_up_to_what_is_used_whole(
    source: str, reads: set[str]
) -> None:
    found = static_reads(parse_expression(source))
    assert {".".join(path) for path in found} == reads
