"""Files of services and of the gateway hold constants: `${…}` in one is a problem at its place."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from tests.support.marks import without_mark
from tests.support.projects import SHOP_SERVICE, write_project

SERVICES = {
    "base": ("base: 'http://▶${HOST}'", "base: http://127.0.0.1:9"),
    "timeout": ("timeout: '▶${TIMEOUT}'\nbase", "base"),
    "request": ("request: 'GET /▶${PREFIX}/users/{id}'", "request: GET /users/{id}"),
    "returns": ("returns: 'schemas.shop:▶${NAME}'", "returns: schemas.shop:User"),
    "bound": ("minimum: '▶${LEAST}'", "minimum: 1"),
    "default": ("default: '▶${LIMIT}'", "default: 10"),
    "enum": ("enum: ['▶${NOTE}'], required: false", "required: false"),
    "pattern": ("pattern: '▶${P}', required: false", "required: false"),
    "name of a header": ("▶'${NAME}': {in: header, type: string}\n      note:", "note:"),
}  # fmt: skip

GATEWAY = {
    "deadline": "defaults: {deadline: '▶${DEADLINE}'}",
    "timeout": "defaults: {timeout: '▶${TIMEOUT}'}",
    "origin": "cors: {origins: ['▶${ORIGIN}']}",
    "host of an origin": "cors: {origins: ['https://▶${HOST}']}",
    "namespace": "cache: {namespace: '▶${ENV}'}",
    "service of a route": "routes: {/raw: {service: '▶${SERVICE}'}}",
    "prefix of a route": "routes: {▶'/${PREFIX}': {service: shop}}",
    "tag of a route": "routes: {/raw: {service: shop, purges: [▶'${TAG}']}}",
}


@pytest.mark.parametrize("case", SERVICES)
def test_expression_for_a_constant_of_a_service_is_one_problem_at_its_place(
    case: str, tmp_path: Path
) -> None:
    new, old = SERVICES[case]
    assert old in SHOP_SERVICE
    text, line, column = without_mark(SHOP_SERVICE.lstrip("\n").replace(old, new, 1))
    (problem,) = check_project(write_project(tmp_path, {}, services={"shop": text})).problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "services/shop.yaml", line, column,
    )  # fmt: skip


@pytest.mark.parametrize("case", GATEWAY)
def test_expression_for_a_constant_of_the_gateway_is_one_problem_at_its_place(
    case: str, tmp_path: Path
) -> None:
    text, line, column = without_mark(GATEWAY[case])
    (problem,) = check_project(write_project(tmp_path, gateway=text)).problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "gateway.yaml", line, column,
    )  # fmt: skip
