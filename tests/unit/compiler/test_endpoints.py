"""What a project states of all its endpoints: who may call them, and the namespace of its cache."""

from pathlib import Path

import pytest

from bff.cache.keys import KeyRecipe
from bff.engine.prepared import prepare
from bff.engine.steps.requests import StepRequest
from bff.plan.compiler.project import check_project, compile_project
from bff.plan.model.access import Access
from bff.plan.model.composition import CompiledProject
from tests.support.projects import HOME, SHOP_SERVICE, write_project

PUBLIC = "access: public\n"
ROUTE = "routes: {/raw: {service: shop}}\n"
CACHED_HOME = HOME.replace("get_user\n", "get_user\n    cache: {ttl: 1m}\n") + "cache: {ttl: 1m}\n"


def project(folder: Path, gateway: str = "", home: str = HOME) -> CompiledProject:
    return compile_project(write_project(folder, {"home": home}, gateway=gateway, access=None))


@pytest.mark.parametrize(
    ("gateway", "home", "access"),
    [
        ("", PUBLIC + HOME, "public"),
        ("defaults: {access: public}", HOME, "public"),
        ("", HOME, None),
    ],
    ids=["its own", "the gateway's default", "not stated"],
)
def test_access_of_a_composition_is(
    gateway: str, home: str, access: object, tmp_path: Path
) -> None:
    (composition,) = project(tmp_path, gateway, home).compositions
    assert composition.access == Access(access)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gateway", "access"),
    [
        ("routes: {/raw: {service: shop, access: public}}", "public"),
        (ROUTE + "defaults: {access: public}", "public"),
        (ROUTE, None),
    ],
    ids=["its own", "the gateway's default", "not stated"],
)
def test_access_of_a_route_is(gateway: str, access: object, tmp_path: Path) -> None:
    (route,) = project(tmp_path, gateway).routes
    assert route.access == Access(access)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "most_body_bytes", "timeout_seconds"),
    [("", None, 3.0), (", max_body: 10MiB, timeout: 60s", 10_485_760, 60.0)],
)
def test_limits_of_a_route_are_its_own_or_none_and_its_services_timeout(
    declared: str, most_body_bytes: int | None, timeout_seconds: float, tmp_path: Path
) -> None:
    services = {"shop": SHOP_SERVICE + "timeout: 3s\n"}
    gateway = f"routes: {{/raw: {{service: shop{declared}}}}}"
    (route,) = compile_project(
        write_project(tmp_path, {}, services=services, gateway=gateway)
    ).routes
    assert (route.most_body_bytes, route.timeout_seconds) == (most_body_bytes, timeout_seconds)


def keys(folder: Path, port: int, gateway: str = "") -> tuple[str, str]:
    """The key of the payload, and the key of the step's reply, of a project at this port."""
    service = SHOP_SERVICE.replace(":9\n", f":{port}\n")
    write_project(folder, {"home": CACHED_HOME}, services={"shop": service}, gateway=gateway)
    (composition,) = compile_project(folder).compositions
    (step,) = prepare(composition).steps
    assert step.reply_key is not None
    return (
        KeyRecipe(composition)({"user_id": 1}, {}, ""),
        step.reply_key(StepRequest("/users/1", (), None, {}), "", {}),
    )


def test_projects_that_differ_in_addresses_alone_share_no_key(tmp_path: Path) -> None:
    (payload, reply), others = keys(tmp_path / "a", 9001), keys(tmp_path / "b", 9002)
    assert payload != others[0]
    assert reply != others[1]


def test_projects_in_one_namespace_share_keys_whatever_their_addresses(tmp_path: Path) -> None:
    gateway = "cache: {namespace: shop-eu}"
    assert keys(tmp_path / "a", 9001, gateway) == keys(tmp_path / "b", 9002, gateway)


def test_projects_in_two_namespaces_share_no_key(tmp_path: Path) -> None:
    payload, reply = keys(tmp_path / "a", 9001, "cache: {namespace: one}")
    others = keys(tmp_path / "b", 9001, "cache: {namespace: two}")
    assert payload != others[0]
    assert reply != others[1]


def test_endpoints_that_state_no_access_are_warned_of_with_the_lines_to_write(
    tmp_path: Path,
) -> None:
    mend = (
        "no access is stated, so nobody may call this: every request gets 401."
        " Write `access: authenticated`, or `access: public` where anyone may call it; for all that"
        " state none, `defaults: {access: authenticated}` in gateway.yaml."
    )
    stated = {"open": f"{PUBLIC}{HOME.replace('/home/', '/open/')}", "home": HOME}
    routes = "routes:\n  /raw: {service: shop}\n  /open: {service: shop, access: public}\n"
    write_project(tmp_path, stated, gateway=routes, access=None)
    checked = check_project(tmp_path)
    assert checked.project is not None
    assert [str(each) for each in checked.warnings] == [
        f"compositions/home.yaml:1:11 endpoint: {mend}",
        f"gateway.yaml:2:9 routes./raw: {mend}",
    ]
    assert checked.strict().project is None
    write_project(tmp_path, stated, gateway=f"{routes}defaults: {{access: authenticated}}\n")
    assert check_project(tmp_path).warnings == ()


def test_access_that_is_wrong_is_not_said_to_be_missing(tmp_path: Path) -> None:
    write_project(tmp_path, {"home": f"access: members\n{HOME}"}, access=None)
    checked = check_project(tmp_path)
    assert (len(checked.problems), checked.warnings) == (1, ())
    write_project(tmp_path, {"home": HOME}, gateway=f"{ROUTE}defaults: {{access: members}}\n")
    checked = check_project(tmp_path)
    assert (len(checked.problems), checked.warnings) == (1, ())
