"""Whatever an upstream replies: what `validate: full` gives, `used` gives, and nothing more."""

from random import Random
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from bff.engine.values.results import CompositionPayload
from tests.support.examples import examples
from tests.support.plan.engine_runs import run
from tests.support.plan.used_screens import compiled, joined, of_page
from tests.support.upstream.scripted_transport import json_reply

RANDOM = st.randoms(use_true_random=True)  # from a seed, which is told when a test fails

RESPONSES = [
    "'${page.orders[].id}'",
    "'${page.orders[?address].{id: id, city: address.city}}'",
    "'${page.orders[?total > `1`].items[].sku}'",
    "'${sort_by(page.orders, &total)[].{n: length(items), first: items[0].quantity}}'",
    "'${page.orders[].items[] | [?quantity > `1`].sku}'",
    "'${max_by(page.orders, &id).address}'",
    "'${map(&not_null(address.street, status), page.orders)}'",
    "'${page.orders[-1]}'",
    "'${page.orders[*].address.* | []}'",
    "'${(page.orders[0].address || `{}`).city}'",
    "'${page.following && page.orders[].status || page.count}'",
    "{count: '${length(page.orders)}', sum: '${sum(page.orders[].total)}'}",
    "{orders: '${page.orders}'}",
]
JOINED = [
    "'${page.orders[].items[].product.title}'",
    "'${page.orders[].items[?product].sku}'",
    "'${page.orders[].{id: id, of: items[].product.maker.country}}'",
    "'${page.orders[0].items}'",
    "{all: '${catalog.products[].maker}', hats: '${page.orders[].items[].product.no}'}",
]


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from([*map(of_page, RESPONSES), *map(joined, JOINED)]), RANDOM)
def test_payload_is_the_same_whichever_part_of_the_replies_is_validated(
    text: str, random: Random
) -> None:
    oddity = random.choice([0.0, 0.0, 0.03])
    page = page_of(random, oddity)
    scripts = {
        "GET /page": json_reply(page),
        "GET /catalog": json_reply(catalog_of(random, oddity)),
    }
    by_full = run(compiled(text, "full"), scripts).result
    by_used = run(compiled(text), scripts).result
    if isinstance(by_full, CompositionPayload):
        event("both take it")
        assert isinstance(by_used, CompositionPayload)
        assert by_used.body == by_full.body
    else:
        event("used takes it" if isinstance(by_used, CompositionPayload) else "none takes it")
    if isinstance(by_used, CompositionPayload):
        assert b"secret" not in by_used.body


def page_of(random: Random, oddity: float) -> Any:
    def value(of: Any) -> Any:
        return random.choice([None, {}, [], "x", -1]) if random.random() < oddity else of

    def item() -> Any:
        return value(
            {"sku": value(random.randint(1, 4)), "quantity": value(random.randint(1, 3)), **more()}
        )

    def order() -> Any:
        address = {"city": value(random.choice(["Graz", ""])), "street": value("Am Damm"), **more()}
        found = {
            "id": value(random.randint(1, 9)), "total": value(random.randint(0, 4) / 2),
            "address": value(random.choice([address, None])),
            "items": value([item() for _ in range(random.randint(0, 3))]), **more(),
        }  # fmt: skip
        return value(found | random.choice([{}, {"status": value("sent")}]))

    def more() -> Any:
        return random.choice([{}, {}, {"secret": "secret"}, {"extra": ["secret"], "product": 1}])

    orders = value([order() for _ in range(random.randint(0, 3))])
    following = random.choice([{}, {"following": value("x")}, {"following": None}])
    return value({"orders": orders, "count": value(3), **following, **more()})


def catalog_of(random: Random, oddity: float) -> Any:
    def value(of: Any) -> Any:
        return random.choice([None, {}, [], "x", -1]) if random.random() < oddity else of

    def product() -> Any:
        maker = {"code": value(1), "country": value("AT"), "secret": "secret"}
        return value({
            "no": value(random.randint(1, 4)), "title": value(random.choice(["Hat", "Cap"])),
            "maker": value(maker), "secret": {"secret": 1},
        })  # fmt: skip

    products = [product() for _ in range(random.randint(0, 4))]
    return value({"products": value(products), "version": value(1)})
