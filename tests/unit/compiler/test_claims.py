"""Claims in expressions: anything, and null for a caller who doesn't say."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project, compile_project
from bff.plan.model.steps import Step
from bff.plan.types.algebra import describe
from tests.support.projects import write_project


def only_step(folder: Path, line: str) -> Step:
    write_project(folder, {"home": text_of(line)})
    return compile_project(folder).compositions[0].steps[0]


def text_of(line: str, end: str = "") -> str:
    return f"endpoint: GET /home/{{id}}\nparams: {{id: {{type: integer}}}}\nsteps:\n  {line}\n{end}"


@pytest.mark.parametrize(
    ("bound", "may_be_null"),
    [
        ("${claims.sub}", True),  # a caller who doesn't say skips the step
        ("${claims.sub || `1`}", False),
        ("${not_null(claims.sub, params.id)}", True),  # what stands in is not known without calls
        ("${length(claims)}", False),
        ("${params.id}", False),
    ],
)
def test_step_that_needs_a_claim_is_null_for_a_caller_without_it(
    bound: str, may_be_null: bool, tmp_path: Path
) -> None:
    step = only_step(tmp_path, f'user: {{call: shop.get_user, with: {{id: "{bound}"}}}}')
    assert describe(step.type).endswith("| null") is may_be_null


def test_iteration_over_a_claim_is_null_for_a_caller_without_it(tmp_path: Path) -> None:
    step = only_step(
        tmp_path,
        "each: {call: shop.get_user, with: {id: '${n}'},"
        " for_each: {over: '${claims.ids}', as: n, max: 9}}",
    )
    assert describe(step.type).endswith("] | null")


def test_claim_is_seen_wherever_params_are(tmp_path: Path) -> None:
    orders = "{call: shop.list_orders, with: {user_id: '${claims.sub}'}, when: '${claims.sub}'}"
    end = """joins: [{into: orders.orders, as: note, from: 'claims.notes', match: {id: id}}]
response: {name: 'Hello ${claims.name}', orders: '${orders}'}
views: {tv: {response: '${claims.tv}'}}
cache: {ttl: 1m, tags: ['u:${claims.sub}']}
"""
    write_project(tmp_path, {"home": text_of(f"orders: {orders}", end)})
    (composition,) = compile_project(tmp_path).compositions
    read = {("claims", name) for name in ("sub", "notes", "name", "tv")}
    assert composition.key_reads - {("params", "id")} == read


def test_claims_are_seen_within_a_projection_from_the_root_alone(tmp_path: Path) -> None:
    orders = "orders: {call: shop.list_orders, with: {user_id: 1}}"
    end = "response: '${orders.orders[?id == claims.sub]}'\n"
    write_project(tmp_path, {"home": text_of(orders, end)})
    (problem,) = check_project(tmp_path).problems
    assert problem.what.startswith("'claims' is looked for in what stands here")
    assert problem.mend == "From the root it is $.claims."
    write_project(tmp_path, {"home": text_of(orders, end.replace("claims", "$.claims"))})
    (composition,) = compile_project(tmp_path).compositions
    assert ("claims", "sub") in composition.key_reads


def test_mistake_in_an_expression_over_claims_makes_no_other_problem(tmp_path: Path) -> None:
    user = "user: {call: shop.get_user, with: {id: '${nope(claims.sub)}'}}"
    end = "response: {initials: '${length(user.firstName)}'}\n"
    write_project(tmp_path, {"home": text_of(user, end)})
    (problem,) = check_project(tmp_path).problems
    assert problem.path == "steps.user.with.id"
