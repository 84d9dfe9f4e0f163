"""Joins over plain values."""

import copy
import tracemalloc
from itertools import product

import pytest

from bff.engine.payload.joins import Bounds, apply_joins, strict_key
from bff.errors import EvaluationError, TooLargeError
from tests.support.plan.plans import join

USERS = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]
BOUNDS = Bounds(1000, 1_000_000)
BY_ID = join("orders", "user", "users", {"user_id": "id"})


def joined(joins, **root):
    """The joined root and the repeats by join; fails when the root itself was changed."""
    before = copy.deepcopy(root)
    result, repeats = apply_joins(joins if isinstance(joins, list) else [joins], root, BOUNDS)
    assert root == before
    return result, repeats


def test_object_from_the_source_is_put_where_its_fields_match():
    result, repeats = joined(BY_ID, orders=[{"user_id": 2}, {"user_id": 1}], users=USERS)
    assert result["orders"] == [
        {"user_id": 2, "user": USERS[1]},
        {"user_id": 1, "user": USERS[0]},
    ]
    assert repeats == {}


def test_no_match_gives_null():
    result, _ = joined(BY_ID, orders=[{"user_id": 3}, {}, {"user_id": None}], users=USERS)
    assert [each["user"] for each in result["orders"]] == [None] * 3


def test_null_matches_no_null():
    result, repeats = joined(BY_ID, orders=[{"user_id": None}], users=[{"id": None}, {"id": None}])
    assert result["orders"][0]["user"] is None
    assert repeats == {}


def test_null_source_gives_nulls():
    result, _ = joined(BY_ID, orders=[{"user_id": 1}], users=None)
    assert result["orders"] == [{"user_id": 1, "user": None}]


def test_key_that_occurs_twice_takes_the_first_and_is_counted():
    users = [{"id": 1, "name": "first"}, {"id": 1, "name": "second"}, {"id": 1}, {"id": 2}]
    result, repeats = joined(BY_ID, orders=[{"user_id": 1}], users=users)
    assert result["orders"][0]["user"]["name"] == "first"
    assert repeats == {"orders.user": 2}


@pytest.mark.parametrize(
    ("mine", "theirs", "matches"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, "1", False),
        (1, True, False),
        (0, False, False),
        ("", None, False),
        (True, True, True),
        ([1, 2], [1, 2.0], True),
        ([1], [True], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ([], {}, False),
    ],
)
def test_fields_match_when_they_are_equal_as_json(mine, theirs, matches):
    result, _ = joined(BY_ID, orders=[{"user_id": mine}], users=[{"id": theirs}])
    assert (result["orders"][0]["user"] is not None) is matches
    pairs = join("orders", "user", "users", {"user_id": "id", "shop": "shop"})
    result, _ = joined(
        pairs, orders=[{"user_id": mine, "shop": 1}], users=[{"id": theirs, "shop": 1}]
    )
    assert (result["orders"][0]["user"] is not None) is matches


def test_match_of_several_fields_asks_for_all_of_them():
    pairs = join("orders", "user", "users", {"user_id": "id", "shop": "shop"})
    users = [{"id": 1, "shop": "a"}, {"id": 1, "shop": "b"}, {"id": 1}]
    orders = [{"user_id": 1, "shop": "b"}, {"user_id": 1, "shop": "c"}, {"user_id": 1}]
    result, repeats = joined(pairs, orders=orders, users=users)
    assert [each["user"] for each in result["orders"]] == [users[1], None, None]
    assert repeats == {}


def test_path_walks_through_objects_and_lists_at_any_depth():
    deep = join("page.orders[].items", "product", "products", {"pid": "id"})
    page = {"total": 2, "orders": [{"items": [[{"pid": 1}], {"pid": 2}]}, {"items": {"pid": 1}}]}
    result, _ = joined(deep, page=page, products=[{"id": 1}])
    assert result["page"] == {
        "total": 2,
        "orders": [
            {"items": [[{"pid": 1, "product": {"id": 1}}], {"pid": 2, "product": None}]},
            {"items": {"pid": 1, "product": {"id": 1}}},
        ],
    }


@pytest.mark.parametrize(
    "page",
    [None, {}, {"orders": None}, {"orders": []}, {"orders": [None, {}, {"items": None}]}, "x", 7],
)
def test_target_that_is_missing_or_null_stays_as_it_is(page):
    deep = join("page.orders.items", "product", "products", {"pid": "id"})
    result, _ = joined(deep, page=page, products=[{"id": 1}])
    assert result["page"] == page


def test_elements_that_are_no_objects_are_left_alone_on_both_sides():
    result, _ = joined(BY_ID, orders=[None, 7, {"user_id": 1}], users=[None, "x", USERS[0]])
    assert result["orders"] == [None, 7, {"user_id": 1, "user": USERS[0]}]


def test_source_that_is_no_list_is_refused():
    with pytest.raises(EvaluationError, match="'user'"):
        apply_joins([BY_ID], {"orders": [], "users": {"id": 1}}, BOUNDS)
    with pytest.raises(EvaluationError, match="is no object"):
        apply_joins(
            [join("orders", "user", "users", "user_id")], {"orders": [], "users": []}, BOUNDS
        )


BOTH = [
    {"id": 1, "user_id": 1},
    {"id": 2, "user_id": 2},
    {"id": 3, "user_id": 1},
    {"user_id": None},
]


def test_many_is_the_list_of_all_that_match_in_the_sources_order_and_repeats_nothing_in_doubt():
    by_user = join("users", "orders", "orders", {"id": "user_id"}, many=True)
    result, repeats = joined(by_user, users=[*USERS, {"id": 3}, {}], orders=BOTH)
    assert [each["orders"] for each in result["users"]] == [[BOTH[0], BOTH[2]], [BOTH[1]], [], []]
    assert repeats == {}


@pytest.mark.parametrize("many", [False, True])
def test_null_source_puts_null_and_drops_nothing(many):
    by_user = join("users", "orders", "orders", {"id": "user_id"}, many=many, drops=True)
    result, _ = joined(by_user, users=USERS, orders=None)
    assert [each["orders"] for each in result["users"]] == [None, None]


@pytest.mark.parametrize(
    ("field", "key", "is_found"),
    [
        ("a", "a", True),
        (7, "7", True),
        (-7, "-7", True),
        (7.0, "7", True),
        (2**64, str(2**64), True),
        ("7", "7", True),
        (7, "07", False),
        (7.5, "7.5", False),
        (True, "true", False),
        (None, "null", False),
        ([7], "7", False),
    ],
)
def test_key_is_looked_up_as_a_text_and_an_integer_by_its_digits(field, key, is_found):
    by_key = join("orders", "user", "users", "user_id")
    result, _ = joined(by_key, orders=[{"user_id": field}, {}], users={key: {"name": "Ada"}})
    assert [each["user"] for each in result["orders"]] == [
        {"name": "Ada"} if is_found else None,
        None,
    ]


def test_integer_of_more_digits_than_python_writes_is_no_key():
    by_key = join("orders", "user", "users", "user_id")
    result, _ = joined(by_key, orders=[{"user_id": 10**5000}], users={"1": {}})
    assert result["orders"][0]["user"] is None


def test_value_under_a_key_may_be_anything_and_is_null_where_it_is_null():
    by_key = join("orders", "rate", "rates", "currency")
    orders = [{"currency": each} for each in ("eur", "usd", "chf")]
    result, _ = joined(by_key, orders=orders, rates={"eur": 1.5, "usd": None})
    assert [each["rate"] for each in result["orders"]] == [1.5, None, None]


def test_object_without_a_match_is_dropped_from_its_list_at_any_depth():
    deep = join("page.orders.items", "product", "products", {"pid": "id"}, drops=True)
    page = {"orders": [{"items": [[{"pid": 1}, {"pid": 2}], {"pid": 3}, 7]}, {"items": None}, {}]}
    result, _ = joined(deep, page=page, products=[{"id": 1}])
    found = {"pid": 1, "product": {"id": 1}}
    assert result["page"] == {"orders": [{"items": [[found], 7]}, {"items": None}, {}]}
    by_key = join("orders", "user", "users", "user_id", drops=True)
    result, _ = joined(by_key, orders=[{"user_id": 1}, {"user_id": 2}], users={"1": {}, "2": None})
    assert result["orders"] == [{"user_id": 1, "user": {}}]
    by_user = join("users", "orders", "orders", {"id": "user_id"}, many=True, drops=True)
    result, _ = joined(by_user, users=[{"id": 1}, {"id": 9}], orders=BOTH)
    assert [each["id"] for each in result["users"]] == [1]


def test_single_object_without_a_match_cannot_be_dropped():
    with pytest.raises(EvaluationError, match="'user' drops what stands in no list"):
        apply_joins(
            [join("order", "user", "users", {"user_id": "id"}, drops=True)],
            {"order": {"user_id": 3}, "users": USERS},
            BOUNDS,
        )


def test_lists_that_are_put_into_many_places_count_in_each():
    """1,000 users of one shop, each with the 10 KB of all its orders."""
    by_shop = join("users", "orders", "orders", {"shop": "shop"}, many=True)
    root = {"users": [{"shop": 1}] * 1000, "orders": [{"shop": 1, "text": "x" * 1000}] * 10}
    with pytest.raises(TooLargeError, match="'orders'"):
        apply_joins([by_shop], root, Bounds(20_000, 9_000_000))


def test_later_join_walks_into_what_an_earlier_one_put_there():
    joins = [BY_ID, join("orders.user", "city", "cities", {"city_id": "id"})]
    users = [{"id": 1, "city_id": 9}]
    result, _ = joined(
        joins,
        orders=[{"user_id": 1}, {"user_id": 1}, {"user_id": 2}],
        users=users,
        cities=[{"id": 9, "name": "Rome"}],
    )
    rome = {"id": 1, "city_id": 9, "city": {"id": 9, "name": "Rome"}}
    assert [each["user"] for each in result["orders"]] == [rome, rome, None]
    assert result["users"] == users  # the source of the first join is as it was


def test_sources_are_seen_unjoined_whatever_the_order():
    joins = [
        join("users", "boss", "users", {"boss_id": "id"}),
        join("orders", "user", "users", {"user_id": "id"}),
    ]
    users = [{"id": 1, "boss_id": 2}, {"id": 2, "boss_id": 1}]
    result, _ = joined(joins, users=users, orders=[{"user_id": 1}])
    assert result["users"] == [
        {"id": 1, "boss_id": 2, "boss": {"id": 2, "boss_id": 1}},
        {"id": 2, "boss_id": 1, "boss": {"id": 1, "boss_id": 2}},
    ]
    assert result["orders"] == [{"user_id": 1, "user": {"id": 1, "boss_id": 2}}]


def test_joins_into_one_place_are_all_kept():
    joins = [BY_ID, join("orders", "payer", "users", {"payer_id": "id"})]
    result, _ = joined(joins, orders=[{"user_id": 1, "payer_id": 2}], users=USERS)
    assert result["orders"] == [{"user_id": 1, "payer_id": 2, "user": USERS[0], "payer": USERS[1]}]


def test_object_that_is_put_into_many_places_counts_in_each():
    """A join shares the object: 40 bytes of orders and 10 KB of a user could make 10 MB."""
    orders = [{"user_id": 1}] * 1000
    users = [{"id": 1, "text": "x" * 10_000}]
    root = {"orders": orders, "users": users}
    apply_joins([BY_ID], root, Bounds(20_000, 11_000_000))
    with pytest.raises(TooLargeError, match="'user'"):
        apply_joins([BY_ID], root, Bounds(20_000, 9_000_000))


def test_small_objects_and_lists_that_are_put_into_many_places_weigh_more_than_their_text():
    """A later join may copy each of them in each place: 1,680,000 objects took 340 MB here."""
    joins = [
        join("orders", "user", "users", {"user_id": "id"}),
        join("orders.user.tags", "tag", "tags", {"i": "id"}),
    ]
    root = {
        "orders": [{"user_id": 1}] * 2400,
        "users": [{"id": 1, "tags": [{"i": 1}] * 700}],
        "tags": [{"id": 2}],
    }
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="'user'"):
        apply_joins(joins, root, Bounds(40_000, 16 * 1024 * 1024))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_objects_that_are_put_into_one_place_each_are_no_repetition():
    orders = [{"user_id": number} for number in range(100)]
    users = [{"id": number, "text": "x" * 1000} for number in range(100)]
    apply_joins([BY_ID], {"orders": orders, "users": users}, Bounds(120_000, 120_000))


def test_joins_share_one_bound():
    joins = [BY_ID, join("orders", "buyer", "users", {"user_id": "id"})]
    root = {"orders": [{"user_id": 1}] * 11, "users": [{"id": 1, "text": "x" * 979}]}
    bounds = Bounds(2000, 15_000)
    apply_joins(joins[:1], root, bounds)
    with pytest.raises(TooLargeError, match="'buyer'"):
        apply_joins(joins, root, bounds)


def test_integers_chosen_to_collide_have_keys_that_do_not():
    """Python's hash of an integer is its remainder by 2^61 - 1: 43,500 of these took 13 s."""
    modulus = 2**61 - 1
    keys = {strict_key(number * modulus) for number in range(1, 43_500)}
    assert len({hash(key) for key in keys}) > 43_000


def test_lists_of_numbers_chosen_to_collide_have_keys_that_do_not():
    """To Python -1 and -2 have one hash, and so have all tuples of them."""
    keys = {strict_key(list(each)) for each in product((-1, -2), repeat=12)}
    assert len({hash(key) for key in keys}) == len(keys) == 2**12
    assert strict_key([1, 2.5]) == strict_key([1.0, 2.5]) != strict_key(["1", 2.5])


@pytest.mark.parametrize("number", [2**61 - 1, -(2**70), 10**30])
def test_large_integer_is_equal_to_the_same_number_with_a_fraction_of_zero(number):
    assert (strict_key(number) == strict_key(float(number))) is (number == float(number))
    assert strict_key(float(number)) == strict_key(int(float(number)))
    assert strict_key(number) != strict_key(number + 1)
