"""With `validate: used` a reply is held to its schema where somebody looks, and nowhere else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bff.engine.values.results import CompositionPayload
from bff.errors import ProjectError
from bff.plan.model.composition import Composition
from tests.support.plan.engine_runs import Ended, run
from tests.support.plan.used_screens import CATALOG, GET, PAGE, compiled, joined, of_page, replies
from tests.support.upstream.scripted_transport import json_reply

PERSON = "  person: {call: upstream.person}\n"
EACH = """  each:
    call: upstream.person
    with: {n: "${order.id}"}
    for_each: {over: "${page.orders[?total > `1`]}", as: order, max: 9}
"""
BATCH = """  catalog:
    call: upstream.catalog
    with: {skus: "${page.orders[].items[].sku}"}
    batch: {over: skus, size: 5, max: 9, select: products}
"""
SELECTED = "select: 'products[?maker.code > `1`]'"
MAKERS = """  - into: page.orders.items.product
    as: by
    from: catalog.products[].maker
    match: {title: country}
"""


def paged(way: str, response: str) -> str:
    """A screen of the page's orders, as pages."""
    pages = f"{{{way}, max_pages: 2, max_items: 9}}"
    return (
        f"{GET}steps: {{page: {{call: upstream.page, paginate: {pages}}}}}\n"
        f"response: '{response}'\n"
    )


ORDER = "id total status address city street items sku quantity"
PRODUCT = "no title maker code country"
WHOLE_PAGE = f"orders {ORDER} count following"

# A screen, and the fields in which it notices what breaks the schema.
NOTICED = {
    # a response
    of_page("{ids: '${page.orders[].id}'}"): "orders id",
    of_page("'${page.orders[*].address.city}'"): "orders address city",
    of_page("'${page.orders[].items[].sku}'"): "orders items sku",
    of_page("'${page.orders[].{n: id, in: address.city, of: items[].quantity}}'"): (
        "orders id address city items quantity"
    ),
    of_page("'${page.orders[?total > `1` && status == ''paid''].id}'"): "orders id total status",
    of_page("'${page.orders[?address].id}'"): "orders id address city",
    of_page("'${page.orders[?address != `null`].id}'"): "orders id address city",
    of_page("'${sort_by(page.orders, &total)[0].id}'"): "orders total id",
    of_page("'${map(&items[0].sku, page.orders)}'"): "orders items sku",
    of_page("'${sum(page.orders[].total)}'"): "orders total",
    of_page("'${length(page.orders)}'"): "orders id",
    of_page("'${page.orders[].{n: length(items)}}'"): "orders items sku",
    of_page("'${(page.orders || `[]`)[].id}'"): "orders id",
    of_page("'${page.orders[].address.* | []}'"): "orders address city street",
    of_page("'${to_string(page.orders[0].address)}'"): "orders address city street",
    of_page("'${page.orders[0]}'"): f"orders {ORDER}",
    of_page("'${page.orders | [].address}'"): "orders address city street",
    of_page("'${page.count} of ${page.following || ''none''}'"): "count following",
    of_page("{page: '${page}'}"): WHOLE_PAGE,
    of_page("'${[page][0].count}'"): WHOLE_PAGE,
    f"{GET}steps:\n{PAGE}": WHOLE_PAGE,
    # views
    of_page("'${page.count}'") + "views: {ids: {response: '${page.orders[].id}'}}\n": (
        "count orders id"
    ),
    of_page("{o: '${page.orders[].{id: id, total: total}}'}") + "views: {ids: [o.id]}\n": (
        "orders id total"
    ),
    # other steps
    f"{GET}steps:\n{PAGE}  person: {{call: upstream.person, when: '${{page.orders}}'}}\n"
    "response: '${person.nick}'\n": "orders id nick",
    f"{GET}steps:\n{PAGE}{EACH}response: '${{each[].nick}}'\n": "orders id total nick",
    f"{GET}steps:\n{PAGE}{EACH.replace('order.id', 'length(order.items)')}"
    "response: '${length(each)}'\n": "orders total items sku person_id",
    f"{GET}steps:\n{PAGE}{BATCH}response: '${{catalog[].title}}'\n": (
        "orders items sku products title"
    ),
    f"{GET}steps:\n{PAGE}{BATCH.replace('select: products', SELECTED)}"
    "response: '${catalog[].title}'\n": "orders items sku products title maker code",
    f"{GET}steps:\n{PAGE}{BATCH}response: '${{catalog}}'\n": (
        f"orders items sku products {PRODUCT}"
    ),
    # pages
    paged("by: link, items: '${reply.orders[?total > `0`]}'", "${page[].address.city}"): (
        "orders total address city"
    ),
    paged(
        "by: cursor, param: c, next: '${reply.count > `9` && reply.following}',"
        " items: '${reply.orders}'",
        "${page[].id}",
    ): "orders id count following",
    # joins
    joined("'${page.orders[].items[].product.title}'"): "orders items sku products no title",
    joined("'${page.orders[].items[].product.maker.country}'"): (
        "orders items sku products no maker country"
    ),
    joined("'${page.orders[].items}'"): f"orders items sku quantity products {PRODUCT}",
    joined("'${page.orders[].total}'"): "orders total items sku products no",
    joined("'${page.orders[].items[].product.by.code}'", MAKERS): (
        "orders items sku products no title maker code country"
    ),
    joined("'${page.orders[].items[].product.title}'").replace(
        "from: catalog.products", "from: 'catalog.products[?maker.code > `0`]'"
    ): "orders items sku products no title maker code",
    joined("'${page.orders[].items[].product[].title}'").replace("no}}", "no}, many: true}"): (
        "orders items sku products no title"
    ),
    joined("'${page.orders[].total}'").replace(
        "from: catalog.products, match: {sku: no}", "from: catalog, key: sku"
    ): f"orders total items sku products {PRODUCT} version",
    # tags
    of_page("'${page.count}'") + "cache: {ttl: 1m, tags: ['order:${page.orders[].id}']}\n": (
        "count orders id"
    ),
    f"{GET}steps: {{catalog: {{call: upstream.tagged}}}}\nresponse: '${{catalog.version}}'\n": (
        "version products no"
    ),
    "endpoint: POST /screen\nsteps:\n  person: {call: upstream.save}\n"
    "response: '${person.nick}'\npurges: ['person:${person.person_id}']\n": "nick person_id",
    # a step of its own mind
    f"{GET}steps:\n  page: {{call: upstream.page, validate: full}}\n{PERSON}"
    "response: {count: '${page.count}', nick: '${person.nick}'}\n": f"{WHOLE_PAGE} nick",
}  # fmt: skip


@pytest.mark.parametrize("text", NOTICED)
def test_used_notices_what_is_wrong_where_somebody_looks_and_full_anywhere(text: str) -> None:
    full, used = compiled(text, "full"), compiled(text)
    right = ended(full, replies())
    assert ended(used, replies()).payload == right.payload
    noticed = set()
    for field, wrong in damaged(full):
        assert not isinstance(ended(full, wrong).result, CompositionPayload), field
        result = ended(used, wrong).result
        if not isinstance(result, CompositionPayload):
            assert result.reason == "invalid"
            noticed.add(field)
        else:
            assert json.loads(result.body) == right.payload
    assert noticed == set(NOTICED[text].split())


def test_step_says_used_in_a_composition_that_says_nothing() -> None:
    text = f"{GET}steps:\n  page: {{call: upstream.page, validate: used}}\n{CATALOG}"
    steps = compiled(text + "response: {n: '${page.count}', v: '${catalog.version}'}\n", "full")
    assert [step.reads_part for step in steps.steps] == [True, False]


def test_step_of_which_all_is_used_is_read_as_ever() -> None:
    step, again = (compiled(of_page("'${page}'"), each).steps[0] for each in ("full", "used"))
    assert not again.reads_part
    assert again.operation.digest == step.operation.digest


def test_validation_is_part_of_the_digest() -> None:
    text = of_page("'${page.count}'")
    assert compiled(text).digest != compiled(text, "full").digest


def test_unknown_way_to_validate_is_reported_with_the_nearest_one() -> None:
    with pytest.raises(
        ProjectError, match=r"validate: 'uesd' means nothing here\. Known: full, "
    ) as e:
        compiled(of_page("'${page.count}'"), "uesd")
    (problem,) = e.value.problems
    assert problem.mend == "Known: full, used. Did you mean 'used'?"


def test_replies_are_shared_by_those_alone_who_hold_them_to_the_same() -> None:
    some, same, others, full = (
        compiled(of_page(response), validate).steps[0].operation.digest
        for response, validate in [
            ("'${page.count}'", "used"),
            ("{again: '${page.count}'}", "used"),
            ("'${page.following}'", "used"),
            ("'${page.count}'", "full"),
        ]
    )
    assert some == same
    assert len({some, others, full}) == 3


def damaged(composition: Composition) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field that the composition's steps reply with, and the replies with it wrong."""
    for step in composition.steps:
        name = path_of(composition, step.index)
        for field in fields_of(replies()[name]):
            yield field, {**replies(), name: with_wrong(replies()[name], field)}


def path_of(composition: Composition, index: int) -> str:
    path = str(composition.steps[index].operation.path[0]).removeprefix("/")
    return {"tagged": "catalog", "save": "person"}.get(path, path)


def fields_of(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                yield name
                yield from fields_of(inner)
        case list():
            for each in value:
                yield from fields_of(each)


def with_wrong(value: Any, field: str) -> Any:
    match value:
        case dict():
            return {
                name: {"wrong": 1} if name == field else with_wrong(each, field)
                for name, each in value.items()
            }
        case list():
            return [with_wrong(each, field) for each in value]
        case _:
            return value


def ended(composition: Composition, answers: Any) -> Ended:
    scripts = {f"GET /{name}": json_reply(value) for name, value in answers.items()}
    scripts |= {
        "GET /tagged": json_reply(answers["catalog"]),
        "POST /save": json_reply(answers["person"]),
    }
    return run(composition, scripts)
