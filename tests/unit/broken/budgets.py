"""Budgets: what a composition may cost by its plan."""

from tests.unit.broken import Broken, broken_composition

STEPS = """
steps:
  user: {call: shop.get_user, with: {id: 1}}
  orders: {call: shop.list_orders, with: {user_id: "${user.id}"}}
  each:
    call: shop.get_user
    for_each: {over: "${orders.orders[].id}", as: id, max: 20}
    with: {id: "${id}"}
  list: {call: shop.list_products, with: {ids: [1]}}
"""


def broken_budget(budget: str, message: str, endpoint: str = "GET /screen") -> Broken:
    return broken_composition(f"endpoint: {endpoint}\nbudget: {budget}{STEPS}", message)


ROWS = {
    "more calls": broken_budget(
        "{calls: ▶22}",
        "budget.calls: a run may make 23 calls, and its budget is 22. 'each' may make 20 of them:"
        " lower its bounds, or raise the budget.",
    ),
    "more calls one after the other": broken_budget(
        "{calls: 23, depth: ▶4}",
        "budget.depth: a run may make 5 calls one after the other, and its budget is 4. They are"
        " user → orders → each (3): make some at once, or raise the budget.",
    ),
    "steps of a write, which wait for each other": broken_budget(
        "{depth: ▶5}",
        "budget.depth: a run may make 6 calls one after the other, and its budget is 5. They are"
        " user → orders → each (3) → list: make some at once, or raise the budget.",
        "POST /screen",
    ),
    "budget of nothing": broken_composition(
        f"endpoint: GET /screen\n▶budget: {{}}{STEPS}",
        "budget: a budget of nothing. Name calls, or depth, or both.",
    ),
    "no calls at all": broken_budget("{calls: ▶0}", "budget.calls: 0 is not at least 1."),
    "budget that is a number": broken_budget(
        "▶20", "budget: 20 is not a mapping of keys and values."
    ),
    "unknown key": broken_budget(
        "{calls: 40, ▶deep: 2}",
        "budget.deep: unknown key 'deep'. Known: calls, depth. Did you mean 'depth'?",
    ),
}
