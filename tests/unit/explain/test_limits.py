"""What the plan has of limits, and what `bff plan` and `bff routes` show of them."""

from pathlib import Path

from click.testing import CliRunner

from bff.cli import bff
from bff.plan.compiler.project import compile_project
from tests.support.projects import write_project

SCREEN = """
endpoint: GET /screen/{id}
params: {id: {type: integer}}
access: public
limits:
  - {by: identity, rate: 100/minute, burst: 40}
  - {by: identity, rate: 2/second, exact: true}
  - {by: "${params.id}", rate: 7/hour, window: sliding, without_redis: closed}
steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
"""
GATEWAY = """
routes: {/raw: {service: shop, access: public, limits: [{by: address, rate: 5/day}]}}
limits:
  - {by: address, rate: 1000/minute}
  - {by: failed_credentials, rate: 5/minute}
"""


def project(folder: Path, gateway: str = GATEWAY, screen: str = SCREEN) -> Path:
    write_project(folder, {"screen": screen}, gateway=gateway)
    return folder


def test_endpoints_have_the_limits_of_the_project_before_their_own(tmp_path: Path) -> None:
    compiled = compile_project(project(tmp_path))
    (screen,), (route,) = compiled.compositions, compiled.routes
    names = ["address", "identity", "identity-2", "expression"]
    assert [each.name for each in screen.limits] == names
    assert [each.name for each in route.limits] == ["address", "address-2"]
    assert screen.limits[0] is route.limits[0]
    assert [each.most_held for each in screen.limits] == [100, 4, 1, 1]
    assert len({each.digest for each in (*screen.limits, *route.limits)}) == 5
    assert compiled.failed_credentials is not None
    assert (compiled.failed_credentials.count, compiled.failed_credentials.counting) == (5, "exact")


def test_failed_credentials_are_limited_without_being_declared(tmp_path: Path) -> None:
    failed = compile_project(project(tmp_path, gateway="")).failed_credentials
    assert failed is not None
    assert (failed.count, failed.per_seconds, failed.burst) == (600, 60, 600)


def test_limits_are_counted_anew_when_they_change_and_payloads_are_kept(tmp_path: Path) -> None:
    (before,) = compile_project(project(tmp_path)).compositions
    changed = SCREEN.replace("100/minute", "200/minute")
    (after,) = compile_project(project(tmp_path, screen=changed)).compositions
    same = [old.digest == new.digest for old, new in zip(before.limits, after.limits, strict=True)]
    assert same == [True, False, True, True]
    assert before.digest == after.digest


def test_plan_and_routes_show_what_is_limited(tmp_path: Path) -> None:
    folder = str(project(tmp_path))
    plan = CliRunner().invoke(bff, ["plan", "screen", "--project", folder]).output
    assert [line.strip() for line in plan.splitlines() if "limit by" in line] == [
        "limit by address: 1000/minute, 1000 at once, leases of 100 at most, without Redis local,"
        " for the whole project",
        "limit by identity: 100/minute, 40 at once, leases of 4 at most, without Redis local",
        "limit by identity-2: 2/second, 2 at once, exact, without Redis local",
        "limit by ${params.id}: 7/hour, in a sliding window, without Redis closed",
    ]
    routes = CliRunner().invoke(bff, ["routes", "--project", folder]).output
    assert "deadline 5 s, identity 100/minute, identity-2 2/second, ${params.id} 7/hour" in routes
    assert "timeout 2 s, address-2 5/day" in routes
    assert "limit by failed_credentials: 5/minute, 5 at once, exact" in routes
