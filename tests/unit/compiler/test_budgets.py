"""The gateway's budget holds for compositions that state none, key by key."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from tests.support.projects import HOME, write_project

DEFAULTS = "defaults: {access: public, budget: {calls: CALLS, depth: DEPTH}}"
TWO = f"{HOME}  orders:\n    call: shop.list_orders\n    with: {{user_id: '${{user.id}}'}}\n"


@pytest.mark.parametrize(
    ("default", "own", "problems"),
    [
        ((2, 2), "", []),
        ((1, 2), "", ["a run may make 2 calls, and the gateway's default budget is 1"]),
        (
            (2, 1), "",
            ["a run may make 2 calls one after the other, and the gateway's default budget is 1"],
        ),
        ((1, 1), "budget: {calls: 2, depth: 2}", []),
        ((9, 1), "budget: {depth: 2}", []),
        ((1, 9), "budget: {depth: 2}", [
            "a run may make 2 calls, and the gateway's default budget is 1",
        ]),
    ],
)  # fmt: skip
def test_default_budget_holds_where_the_composition_states_none(
    default: tuple[int, int], own: str, problems: list[str], tmp_path: Path
) -> None:
    gateway = DEFAULTS.replace("CALLS", str(default[0])).replace("DEPTH", str(default[1]))
    write_project(tmp_path, {"home": f"{TWO}{own}\n"}, gateway=gateway)
    found = check_project(tmp_path).problems
    assert [each.what for each in found] == problems
    assert {each.path for each in found} <= {"endpoint"}
