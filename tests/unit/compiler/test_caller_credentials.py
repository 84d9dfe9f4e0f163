"""By which params a step sends the caller's own credential."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from tests.support.projects import SHOP_SCHEMAS, write_project


def credentials(folder: Path, param: str, own: str, value: str) -> frozenset[str]:
    """Of a step that sends this param of its operation, in a composition with this one."""
    service = f"""
base: http://shop
operations:
  login:
    request: GET /login
    returns: schemas.shop:User
  get:
    request: GET /x
    params: {{{param}}}
    returns: schemas.shop:User
"""
    composition = f"""
endpoint: GET /x
params: {{{own}}}
steps:
  login: {{call: shop.login}}
  user: {{call: shop.get, with: {{{param.partition(":")[0]}: "{value}"}}}}
"""
    write_project(folder, {"x": composition}, services={"shop": service},
                  schemas={"shop": SHOP_SCHEMAS})  # fmt: skip
    (screen,) = compile_project(folder).compositions
    return screen.steps[1].credentials


AUTHORIZATION = "Authorization: {in: header, type: string}"
TEXT = "q: {type: string}"


@pytest.mark.parametrize(
    ("param", "own", "value"),
    [
        (AUTHORIZATION, AUTHORIZATION, "${params.Authorization}"),
        (AUTHORIZATION, TEXT, "Bearer ${params.q}"),
        (AUTHORIZATION, TEXT, "${claims.token}"),
        ("X-Api-Key: {in: header, type: string}", TEXT, "${params.q}"),
        ("X-Auth-Token: {in: header, type: string}", TEXT, "${params.q}"),
        ("Cookie: {in: header, type: string}", TEXT, "session=${params.q}"),
        ("k: {in: header, type: string, name: X-Session}", TEXT, "${params.q}"),
        ("access_token: {type: string}", TEXT, "${params.q}"),
        ("a: {type: string, name: apiKey}", TEXT, "${params.q}"),
        ("anything: {type: string}", AUTHORIZATION, "${params.Authorization}"),
        ("X-Any: {in: header, type: string}", "X-User-Token: {in: header, type: string}",
         "${params.\\\"X-User-Token\\\"}"),
    ],
)  # fmt: skip
def test_callers_credential_is_told_by_its_name(
    tmp_path: Path, param: str, own: str, value: str
) -> None:
    assert credentials(tmp_path, param, own, value) == {param.partition(":")[0]}


@pytest.mark.parametrize(
    ("param", "own", "value"),
    [
        (AUTHORIZATION, TEXT, "Bearer constant"),
        (AUTHORIZATION, TEXT, "Bearer ${login.firstName}"),
        ("X-Author: {in: header, type: string}", TEXT, "${params.q}"),
        ("X-Tenant: {in: header, type: string}", TEXT, "${params.q}"),
        ("author_id: {type: string}", TEXT, "${params.q}"),
        ("page_token: {type: string}", TEXT, "${params.q}"),
        ("q: {type: string}", TEXT, "${params.q}"),
        ("q: {type: string}", "Accept-Language: {in: header, type: string}",
         "${params.\\\"Accept-Language\\\"}"),
    ],
)  # fmt: skip
def test_what_else_a_step_sends_is_no_credential_of_the_callers(
    tmp_path: Path, param: str, own: str, value: str
) -> None:
    """A cursor that is called a token, an author, and what another step returned."""
    assert credentials(tmp_path, param, own, value) == frozenset()
