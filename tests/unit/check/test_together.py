"""One run reports every mistake, and nothing that only follows from one: `▶` stands before each."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from tests.support.marks import MARK
from tests.support.projects import SHOP_SERVICE, write_project


def assert_reported(
    folder: Path, text: str, service: str = SHOP_SERVICE, gateway: str = ""
) -> None:
    """The problems of these files stand at their marks, one at each."""
    files = {
        "compositions/home.yaml": text.lstrip("\n"),
        "services/shop.yaml": service.lstrip("\n"),
        "gateway.yaml": gateway.lstrip("\n"),
    }
    plain = {name: each.replace(MARK, "") for name, each in files.items()}
    write_project(
        folder,
        {"home": plain["compositions/home.yaml"]},
        services={"shop": plain["services/shop.yaml"]},
        gateway=plain["gateway.yaml"],
    )
    problems = check_project(folder).problems
    reported = sorted((each.place.file, each.place.line, each.place.column) for each in problems)
    expected = [place for name, each in files.items() for place in places_of_marks(name, each)]
    assert reported == sorted(expected), "\n".join(str(each) for each in problems)


def places_of_marks(name: str, text: str) -> list[tuple[str, int, int]]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        *before, _ = line.split(MARK)
        found += [(name, number, len("".join(before[: i + 1])) + 1) for i in range(len(before))]
    return found


def test_all_independent_mistakes_of_a_composition_are_reported_and_no_more(tmp_path: Path) -> None:
    text = """
endpoint: ▶GET home/{user_id}
▶colour: red
params:
  user_id: {type: integer}
  name: {in: query, type: string, required: false, ▶minLength: 3, default: ▶5}
  ▶filter: {in: body, type: string}
  size: {in: query, type: ▶int}
deadline: ▶soon
steps:
  user:
    call: ▶sget
    with: {id: '${params.▶nam}'}
    statuses: {404: ▶nul}
  orders:
    call: shop.list_orders
    ▶wiht: {user_id: 1}
    on_failure: {fallback: ▶{orders: [{id: 1}]}}
  products:
    call: shop.list_products
    with: {ids: '${orders.orders[].▶itms}', ▶idz: '${▶usr}'}
    batch: ▶{over: ids, size: 5, select: ▶product}
  first:
    call: shop.get_user
    with: {id: '${▶second.x.y}'}
  ▶my-step: {call: shop.get_user, with: {id: ▶x}}
joins:
  - {into: orders.▶ordrs, as: product, from: products, match: {id: id}}
  - {into: orders.orders.items, as: ▶quantity, from: ▶usr, match: {product_id: id}}
response:
  user: ${user.anything}
  orders: '${orders.orders[].{id: id, product: product.x, total: ▶totl}}'
  size: ${params.size.anything}
  mine: ${first.▶idd}
  first: ${first}
views:
  mobile: [user.a.b, orders.total, first.▶nope]
  tv: ▶5
  web: {response: '${▶wrong}'}
cache: {ttl: 1s, ▶stael: 1s, tags: ["user:${first.▶idd}"], scope: ▶all}
"""
    assert_reported(tmp_path, text)


STEPS = {
    # the steps, and what else there is beside endpoint and params
    "unknown key beside other mistakes in the step": """
  user: {call: shop.get_user, ▶colour: red, with: {id: '${params.▶nam}'}, timeout: ▶1}""",
    "call of nothing": """
  user: {call: ▶sget, with: {id: '${params.▶nam}'}, when: '${▶x}'}
response: {a: '${user.a.b}', b: '${params.▶nam}'}""",
    "step that is no mapping": """
  user: ▶5
  orders: {call: shop.list_orders, with: {user_id: '${user.x[0]}', limit: '${▶usr}'}}""",
    "no steps": """▶{}
joins: [{into: a.b, as: c, from: d, match: {e: f}}]
response: '${a.b}'""",
    "misspelt batch": """
  products: {call: shop.list_products, with: {ids: [1]}, ▶bach: {over: ids, size: 1, max: 2}}
response: {a: '${products[0]}', b: '${params.▶nam}'}""",
    "misspelt for_each": """
  each: {call: shop.get_user, with: {id: '${n.id}'}, ▶foreach: {over: '${x}', as: n, max: 3}}
response: {a: '${each[0]}', b: '${params.▶nam}'}""",
    "for_each under no name": """
  each: {call: shop.get_user, with: {id: '${n.id}'}, for_each: ▶{over: '${▶x}', max: 3}}""",
    "element that is called as a step is": """
  a: {call: shop.get_user, with: {id: 1}}
  each: {call: shop.get_user, with: {id: '${a.anything}'},
         for_each: {over: '${params.sizes}', as: ▶a, max: 3}}""",
    "condition that is no single expression, with mistakes in it": """
  user: {call: shop.get_user, with: {id: 1}, when: ▶'${params.▶nam} and ${▶usr}'}
response: {a: '${user.▶nope}'}""",
    "for_each and batch": """
  each:
    call: shop.list_products
    with: {ids: [1]}
    batch: {over: ids, size: 1, max: 2, select: products}
    ▶for_each: {over: '${params.sizes}', as: n, max: 3}
response: {a: '${each.x}'}""",
    "misspelt `over` of a batch": """
  products: {call: shop.list_products, with: {ids: [1]},
             batch: {▶ovr: ids, size: 1, max: 2, select: ▶prodcts}}""",
    "misspelt param that is batched": """
  products: {call: shop.list_products, with: {▶idz: [1]},
             batch: {over: ids, size: 1, max: 2, select: products}}""",
    "misspelt fallback": """
  user: {call: shop.get_user, with: {id: 1}, on_failure: {▶falback: {id: 1}}}
response: {a: '${user.id}'}""",
    "fallback that does not fit is not null from there on": """
  user: {call: shop.get_user, with: {id: 1}, on_failure: {fallback: ▶{id: x}}}
response: {a: "${join('', [user.firstName])}"}""",
    "binding that does not fit makes no nulls": """
  user: {call: shop.get_user, with: {id: ▶'${params.name}'}}
response: {a: "${join('', [user.firstName])}"}""",
    "two circles, and what hangs on them": """
  ▶a: {call: shop.get_user, with: {id: '${b.id}'}}
  b: {call: shop.get_user, with: {id: '${a.id}'}}
  ▶c: {call: shop.get_user, with: {id: '${d.id}'}, timeout: ▶1}
  d: {call: shop.get_user, with: {id: '${c.▶idd}'}}
  e: {call: shop.get_user, with: {id: '${a.▶idd}'}}
response: {x: '${c.▶idd}'}""",
    "two circles through one step": """
  ▶a: {call: shop.get_user, with: {id: '${b.id}'}}
  ▶b: {call: shop.get_user, with: {id: 1}, after: [a, c]}
  c: {call: shop.get_user, with: {id: '${b.id}'}}""",
    "step that waits for itself": """
  ▶a: {call: shop.get_user, with: {id: '${a.id}'}}""",
    "step called as the root is": """
  ▶params: {call: shop.get_user, with: {id: '${params.user_id}'}}
response: '${params.▶nam}'""",
    "join to a field that is not known": """
  orders: {call: shop.list_orders, with: {user_id: 1}}
  users: {call: shop.list_products, with: {ids: [1]}}
joins:
  - {into: orders.orders, as: ▶a-b, from: users.products, match: {id: id}}
response: '${orders.orders[].user}'""",
    "join into a step that is not known": """
  orders: {call: shop.list_orders, with: {user_id: 1}}
joins:
  - {into: ▶order.orders, as: user, from: orders.orders, match: {id: id}}
response: {a: '${orders.orders[].user.x}', b: '${orders.orders[].▶usr}'}""",
    "joins that find by what is wrong, by two ways and by none": """
  orders: {call: shop.list_orders, with: {user_id: 1}}
  user: {call: shop.get_user, with: {id: 1}}
joins:
  - {into: orders.orders, as: a, from: user, key: ▶[id]}
  - {into: orders.orders, as: b, from: orders.orders, match: {id: id}, ▶key: id}
  - ▶{into: orders.orders, as: c, from: user}""",
    "misspelt joins": """
  orders: {call: shop.list_orders, with: {user_id: 1}}
▶join: []
response: {a: '${orders.orders[].user.x}', b: '${params.▶nam}'}""",
    "misspelt response": """
  user: {call: shop.get_user, with: {id: 1}}
▶respnse: {a: 1}
views: {m: [a.b]}""",
    "params, bindings and response under other names": """
  user: {call: shop.get_user, ▶args: {id: '${params.id}'}, ▶colour: red, timeout: ▶1}
▶body: {a: '${user.nope}'}
views: {m: [a.b], n: {response: '${user.▶nope}'}}""",
    "empty response": """
  user: {call: shop.get_user, with: {id: 1}}
response: ▶null
views: {m: [a.b], n: {response: '${▶x}'}}""",
    "broken expression in a list that is bound": """
  products: {call: shop.list_products, with: {ids: ['${params.▶}', 1]}}""",
    "broken expression in a text that is bound": """
  user: {call: shop.get_user, with: {id: 'a▶${}'}}""",
    "expression that always fails": """
  user: {call: shop.get_user, with: {id: '${▶sum([`1e308`, `1e308`])}'}}""",
    "null for what is required": """
  user: {call: shop.get_user, with: {id: ▶null}}
  more: {call: shop.list_orders, with: {user_id: '${user.id}', limit: null}}
  most: {call: shop.list_orders, with: {user_id: ▶'${`null`}'}}
response: {a: "${join('', [user.firstName])}"}""",
    "number that is too long": """
  user: {call: shop.get_user, with: {id: ▶11111111111111111111111111111111111111111}}
  more: {call: shop.get_user, with: {id: 1}, timeout: 1s, hidden: ▶1}""",
    "keys that are merged in": """
  one: &one {call: shop.get_user, with: {id: 1}}
  two: {▶<<: *one, hidden: ▶1}""",
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS)
def test_mistakes_beside_each_other_are_all_reported_and_no_more(case: str, tmp_path: Path) -> None:
    head = """endpoint: GET /home/{user_id}
params:
  user_id: {type: integer}
  name: {in: query, type: string, required: false}
  sizes: {in: query, type: array, items: {type: integer}}
steps:"""
    assert_reported(tmp_path, f"{head} {STEPS[case]}\n")


PARAMS = {
    # endpoint, params and the one step's `with`
    "method that is not known": """
endpoint: ▶GTE /home/{id}
params: {id: {type: integer}, q: {in: body, type: string, ▶minimum: 1}}
steps:
  user: {call: shop.create_order, with: {user_id: '${params.▶idd}'}}""",
    "no endpoint": """
▶params: {id: {type: integer}, q: {schema: ▶"schemas.shop:Usr"}}
steps:
  b: {call: shop.create_order, with: {user_id: '${a.id}'}}
  a: {call: shop.get_user, with: {id: '${params.▶idd}'}}""",
    "misspelt params": """
endpoint: GET /home/{id}
▶parms: {id: {type: integer}}
steps: {user: {call: shop.get_user, with: {id: '${params.id}', ▶ids: 1}}}""",
    "params under another name": """
endpoint: GET /home/{id}
▶inputs: {id: {type: integer}}
steps: {user: {call: shop.get_user, with: {id: '${params.id}', ▶ids: 1}}}""",
    "misspelt type": """
endpoint: GET /home/{id}
params: {id: {▶tpye: integer}, q: {in: query, type: array, ▶itms: {type: string}}}
steps: {user: {call: shop.get_user, with: {id: '${params.id}', ▶ids: '${params.q[0]}'}}}""",
    "misspelt location": """
endpoint: POST /home
params: {X-A: {in: ▶headr, type: string}, b: {in: ▶boddy, schema: "schemas.shop:User"}}
steps: {user: {call: shop.get_user, with: {id: 1, ▶ids: '${params.b.a}'}}}""",
    "constraints that contradict each other": """
endpoint: GET /home
params:
  a: {type: integer, minimum: ▶1.5, default: ▶x}
  b: {type: string, enum: [▶[1]], default: ▶2}
  c: {type: string, pattern: ▶'(', ▶multiple_of: 2}
steps: {user: {call: shop.get_user, with: {id: '${params.a}', ▶ids: 1}}}""",
    "param that is no mapping": """
endpoint: GET /home
params: {a: ▶5, b: {type: string}}
steps: {user: {call: shop.get_user, with: {id: '${params.a.b}', ▶ids: '${params.▶c}'}}}""",
}


@pytest.mark.parametrize("case", PARAMS)
def test_mistakes_of_params_hide_none_and_make_none(case: str, tmp_path: Path) -> None:
    assert_reported(tmp_path, PARAMS[case])


SERVICES = {
    # the service's operations, beside a composition whose mistakes are all reported too
    "misspelt params": ("▶parms: {id: {type: integer}}\n    returns: schemas.shop:User", "▶namee"),
    "params under another name": ("▶query: {id: {}}\n    returns: schemas.shop:User", "▶namee"),
    "misspelt returns": ("params: {id: {type: integer}}\n    ▶retuns: schemas.shop:User", "namee"),
    "unknown schema": (
        "params: {id: {type: integer}}\n    returns: ▶schemas.shop:Usr", "namee",
    ),
    "path param that is not declared": ("returns: schemas.shop:User", "▶namee"),
    "param that is partly wrong": (
        "params: {id: {type: integer, ▶requird: true}}\n    returns: schemas.shop:User", "▶namee",
    ),
    "unknown key": (
        "params: {id: {type: integer}}\n    ▶colour: red\n    returns: schemas.shop:User", "▶namee",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVICES)
def test_mistakes_of_a_service_hide_none_and_make_none(case: str, tmp_path: Path) -> None:
    operation, field = SERVICES[case]
    request = "▶GET /users/{id}" if case == "path param that is not declared" else "GET /users/{id}"
    service = f"""
▶bse: http://127.0.0.1:9
timeout: ▶1
operations:
  get_user:
    request: {request}
    {operation}
"""
    text = f"""
endpoint: GET /home
steps:
  user: {{call: shop.get_user, with: {{id: 1}}, timeout: ▶1}}
  more: {{call: ▶shop.gone}}
response: {{a: '${{user.{field}}}', b: '${{▶usr}}'}}
"""
    gateway = "▶colour: red\nroutes: {/raw: {service: ▶shp}, ▶raw: ▶{}}\n"
    assert_reported(tmp_path, text, service, gateway)


def test_service_whose_operations_are_not_known_makes_no_call_wrong(tmp_path: Path) -> None:
    text = "endpoint: GET /home\nsteps: {a: {call: shop.x, with: {id: '${▶b}'}}}\n"
    assert_reported(tmp_path, text, "base: http://127.0.0.1:9\n▶operatons: ▶{}\n")


def test_files_that_are_no_yaml_are_reported_beside_the_others(tmp_path: Path) -> None:
    text = "endpoint: GET /home\nsteps: {a: {call: shop.x, with: {id: '${▶b}'}}}\n"
    assert_reported(tmp_path, text, "base: [\n▶", "routes: {/a: {service: shop, ▶strp: true}}\n")
