"""What a compiled plan knows: what is read, what is spliced, what is nullable, what its key is."""

import subprocess
import sys
from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject, Composition
from bff.plan.model.payload import Computed, Splice
from bff.plan.model.steps import Step
from bff.plan.types.algebra import describe
from tests.support.projects import HOME, SHOP_SCHEMAS, SHOP_SERVICE, write_project


def compiled(folder: Path, text: str, **files: object) -> Composition:
    (composition,) = project(folder, {"home": text}, **files).compositions
    return composition


def project(folder: Path, compositions: dict[str, str], **files: object) -> CompiledProject:
    return compile_project(write_project(folder, compositions, **files))  # type: ignore[arg-type]


SCREEN = """
endpoint: GET /screens/{user_id}
params:
  user_id: {type: integer}
  limit: {in: query, type: integer, default: 5}
  unused: {in: query, type: integer, default: 5}
  maybe: {in: query, type: integer, required: false}
steps:
  user: {call: shop.get_user, with: {id: '${params.user_id}'}}
  orders:
    call: shop.list_orders
    with: {user_id: '${params.user_id}', limit: '${params.limit}'}
  products:
    call: shop.list_products
    with: {ids: '${orders.orders[].items[].product_id}'}
    batch: {over: ids, size: 50, max: 500, select: products}
    on_failure: optional
"""


def test_dependencies_come_from_references_and_after(tmp_path: Path) -> None:
    text = SCREEN + "  last: {call: shop.get_user, with: {id: 1}, after: [user, products]}\n"
    waits = {step.name: step.waits_for for step in compiled(tmp_path, text).steps}
    assert waits == {"user": (), "orders": (), "products": (1,), "last": (0, 2)}


def test_after_is_not_an_input(tmp_path: Path) -> None:
    text = SCREEN + "  last: {call: shop.get_user, with: {id: 1}, after: user}\n"
    assert compiled(tmp_path, text).steps[3].input_steps == ()


def test_payload_without_a_response_splices_every_step(tmp_path: Path) -> None:
    composition = compiled(tmp_path, SCREEN)
    spliced = [each.step for each in composition.payload.segments if isinstance(each, Splice)]
    assert spliced == [0, 1, 2]
    assert [step.needs_json for step in composition.steps] == [False, True, False]
    assert [step.needs_bytes for step in composition.steps] == [True, True, True]


def test_hidden_step_is_left_out_where_there_is_no_response(tmp_path: Path) -> None:
    text = SCREEN + "    hidden: true\n"
    composition = compiled(tmp_path, text)
    assert describe(composition.payload.type).startswith("{user: ")
    assert "products:" not in describe(composition.payload.type)
    assert composition.steps[2].needs_bytes is False


def test_step_that_a_join_goes_into_is_computed_not_spliced(tmp_path: Path) -> None:
    text = SCREEN + (
        "joins:\n  - {into: orders.orders.items, as: product, from: products,"
        " match: {product_id: id}}\n"
    )
    composition = compiled(tmp_path, text)
    computed = [
        each.template.source for each in composition.payload.segments if isinstance(each, Computed)
    ]
    assert computed == ["${orders}"]
    assert "product: {id: integer, title: string, price: number} | null" in describe(
        composition.payload.type
    )


def test_join_into_one_key_of_a_dict_changes_the_type_of_that_key_alone(tmp_path: Path) -> None:
    schemas = SHOP_SCHEMAS + "\nclass Shelf(BaseModel):\n    items: dict[str, Item]\n"
    service = SHOP_SERVICE + "  get_shelf: {request: GET /shelf, returns: schemas.shop:Shelf}\n"
    text = """
endpoint: GET /shelf
steps:
  shelf: {call: shop.get_shelf}
  products: {call: shop.list_products, with: {ids: [1]}}
joins: [{into: shelf.items.top, as: product, from: products.products, match: {product_id: id}}]
response: ${shelf.items}
"""
    composition = compiled(tmp_path, text, schemas={"shop": schemas}, services={"shop": service})
    assert describe(composition.payload.type) == (
        "{top?: {product_id: integer, quantity: integer,"
        " product: {id: integer, title: string, price: number} | null},"
        " *: {product_id: integer, quantity: integer}}"
    )


NULLABLE = {
    "plain": ("", False),
    "optional": ("on_failure: optional", True),
    "conditional": ("when: '${params.limit > `1`}'", True),
    "status made null": ("statuses: {404: null}", True),
    "status that fails": ("statuses: {404: fail}", False),
    "fallback": ("on_failure: {fallback: {id: 1, first_name: A}}", False),
}


@pytest.mark.parametrize("case", NULLABLE)
def test_step_is_nullable_where_it_may_be_null(case: str, tmp_path: Path) -> None:
    line, nullable = NULLABLE[case]
    text = SCREEN + f"  one:\n    call: shop.get_user\n    with: {{id: 1}}\n    {line}\n"
    assert describe(compiled(tmp_path, text).steps[3].type).endswith("| null") == nullable


def test_step_is_nullable_where_a_path_param_may_be_null(tmp_path: Path) -> None:
    text = SCREEN + "  one: {call: shop.get_user, with: {id: '${params.maybe}'}}\n"
    assert describe(compiled(tmp_path, text).steps[3].type).endswith("| null")


def test_step_is_nullable_where_what_it_needs_may_be_anything(tmp_path: Path) -> None:
    schemas = (
        SHOP_SCHEMAS + "\n\nfrom typing import Any\n\nclass Loose(BaseModel):\n    value: Any\n"
    )
    service = SHOP_SERVICE + ("  look: {request: GET /look, returns: schemas.shop:Loose}\n")
    text = SCREEN + (
        "  loose: {call: shop.look}\n"
        "  one: {call: shop.get_user, with: {id: '${loose.value}'}}\n"
        "  each:\n    call: shop.get_user\n    with: {id: 1}\n"
        "    for_each: {over: '${loose.value}', as: e, max: 9}\n"
    )
    files = {"services": {"shop": service}, "schemas": {"shop": schemas}}
    *_, one, each = compiled(tmp_path, text, **files).steps
    assert describe(one.type).endswith("} | null")
    assert describe(each.type).endswith("}] | null")


def test_step_is_not_nullable_where_an_optional_param_may_be_null(tmp_path: Path) -> None:
    text = SCREEN + (
        "  one: {call: shop.list_orders, with: {user_id: 1, limit: '${params.maybe}'}}\n"
    )
    assert not describe(compiled(tmp_path, text).steps[3].type).endswith("| null")


EMPTIES = {
    # a param of the composition, what is bound to the required list, and whether that may be empty
    "list of a reply": ("", "${orders.orders[].id}", True),
    "anything": ("", "${claims.ids}", True),
    "list in a body": (
        "ids: {in: body, type: array, items: {type: integer}}", "${params.ids}", True,
    ),
    "list in a body of one at least": (
        "ids: {in: body, type: array, items: {type: integer}, min_items: 1}", "${params.ids}",
        False,
    ),
    "list in a query": (
        "ids: {in: query, type: array, items: {type: integer}}", "${params.ids}", False,
    ),
    "list in a query that is empty when absent": (
        "ids: {in: query, type: array, items: {type: integer}, default: []}", "${params.ids}", True,
    ),
    "list written out": ("", "['${params.one}']", False),
    "constant": ("", "[1, 2]", False),
    "empty constant": ("", "[]", True),
}  # fmt: skip


def with_ids(folder: Path, case: str, returns: str, method: str) -> Step:
    """A step that binds the case's list to a required param of a `method /take`."""
    param, bound, _ = EMPTIES[case]
    bound = bound if bound.startswith("[") else f"'{bound}'"
    service = SHOP_SERVICE + (
        f"  take:\n    request: {method} /take\n    params:\n"
        "      ids: {in: query, type: array, items: {type: integer}}\n"
        f"    returns: {returns}\n"
    )
    text = (
        f"endpoint: POST /a\nparams:\n  one: {{in: query, type: integer}}\n  {param}\nsteps:\n"
        "  orders: {call: shop.list_orders, with: {user_id: 1}}\n"
        f"  take:\n    call: shop.take\n    with: {{ids: {bound}}}\n"
    )
    return compiled(folder, text, services={"shop": service}).steps[1]


@pytest.mark.parametrize("case", EMPTIES)
def test_step_is_nullable_where_a_list_that_it_needs_may_be_empty(
    case: str, tmp_path: Path
) -> None:
    step = with_ids(tmp_path, case, "schemas.shop:ProductPage", "GET")
    assert describe(step.type).endswith("| null") == EMPTIES[case][2]


def test_step_that_returns_a_list_is_not_nullable_for_an_empty_one(tmp_path: Path) -> None:
    step = with_ids(tmp_path, "list of a reply", "list[schemas.shop:Product]", "GET")
    assert describe(step.type) == "list[{id: integer, title: string, price: number}]"


@pytest.mark.parametrize("case", EMPTIES)
def test_step_that_writes_is_not_nullable_for_its_inputs(case: str, tmp_path: Path) -> None:
    step = with_ids(tmp_path, case, "schemas.shop:ProductPage", "POST")
    assert not describe(step.type).endswith("| null")


def test_iterated_step_is_a_list_of_nullable_elements_where_one_may_be_skipped(
    tmp_path: Path,
) -> None:
    text = SCREEN + (
        "  each:\n    call: shop.get_user\n    with: {id: '${p.id}'}\n    statuses: {404: null}\n"
        "    for_each: {over: '${products}', as: p, max: 9}\n"
    )
    inferred = describe(compiled(tmp_path, text).steps[3].type)
    assert inferred.startswith("list[{id: integer")
    assert inferred.endswith("| null] | null")  # products is optional


KEY_READS = {
    "with": ("", {"user_id", "limit"}),
    "when": ("    when: '${params.maybe}'\n", {"user_id", "limit", "maybe"}),
    "response": (
        "response: {m: '${params.maybe}', o: '${orders}'}\n",
        {"user_id", "limit", "maybe"},
    ),
    "view": (
        "views: {v: {response: '${params.unused}'}}\n",
        {"user_id", "limit", "unused"},
    ),
    "join": (
        "joins:\n  - {into: orders.orders, as: x, from: 'products[?id == `1`]', match: {id: id}}\n",
        {"user_id", "limit"},
    ),
    "with of an error reply": (
        "    statuses: {409: {reply: 409, with: {by: '${params.unused}'}}}\n",
        {"user_id", "limit", "unused"},
    ),
    "for_each": (
        "  each:\n    call: shop.get_user\n    with: {id: '${n}'}\n"
        "    for_each: {over: '${[params.unused]}', as: n, max: 9}\n",
        {"user_id", "limit", "unused"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEY_READS)
def test_key_holds_the_params_that_reach_the_payload_by_any_path(case: str, tmp_path: Path) -> None:
    lines, names = KEY_READS[case]
    composition = compiled(tmp_path, f"{SCREEN}{lines}cache: {{ttl: 1m}}\n")
    assert composition.key_reads == {("params", name) for name in names}


# ------------------------------------------------------------------------------ digests


def digest(folder: Path, **files: object) -> str:
    return project(folder, {"home": HOME}, **files).compositions[0].digest


def test_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    write_project(tmp_path, {"home": SCREEN})
    code = (
        "import sys; from pathlib import Path;"
        "from bff.plan.compiler.project import compile_project;"
        "print(compile_project(Path(sys.argv[1])).compositions[0].digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


CHANGES = {
    "the composition": {"compositions": {"home": HOME + "summary: x\n"}},
    "what an operation returns": {
        "schemas": {"shop": SHOP_SCHEMAS.replace("role: Literal", "rolle: Literal")}
    },
    "a validator of its schema": {
        "schemas": {"shop": SHOP_SCHEMAS.replace("id: int\n", "id: int = Field(gt=0)\n", 1)}
    },
    "the operation's request": {
        "services": {"shop": SHOP_SERVICE.replace("GET /users/{id}", "GET /people/{id}")}
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_digest_changes_with(change: str, tmp_path: Path) -> None:
    files: dict[str, object] = {"compositions": {"home": HOME}, **CHANGES[change]}
    changed = compile_project(write_project(tmp_path / "b", **files)).compositions[0].digest  # type: ignore[arg-type]
    assert changed != digest(tmp_path / "a")


def test_digest_does_not_change_with_the_slo_so_that_what_is_cached_stays(tmp_path: Path) -> None:
    promised = project(tmp_path / "b", {"home": f"{HOME}slo: {{availability: 99.9}}\n"})
    assert promised.compositions[0].digest == digest(tmp_path / "a")


def test_digest_does_not_change_with_the_address_of_a_service(tmp_path: Path) -> None:
    moved = project(
        tmp_path / "b", {"home": HOME}, services={"shop": SHOP_SERVICE.replace(":9", ":10")}
    )
    assert moved.compositions[0].digest == digest(tmp_path / "a")


def test_digest_does_not_change_with_another_composition(tmp_path: Path) -> None:
    both = project(tmp_path / "b", {"home": HOME, "screen": SCREEN}).compositions
    assert both[0].digest == digest(tmp_path / "a")
