"""`bff plan` on caching: for how long, shared by whom and why, under which tags."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from bff.plan.explain.composition import explain
from tests.support.projects import SHOP_SERVICE, write_project

HEAD = """endpoint: GET /screens/{id}
params: {id: {type: integer}}
steps:
  user: {call: shop.get_user, with: {id: '${params.id}'}USER}
  orders: {call: shop.list_orders, with: {user_id: 1}ORDERS}
"""
MINE = ", when: '${claims.sub}'"


def explained(
    folder: Path, end: str = "", *, user: str = "", orders: str = "", service: str = SHOP_SERVICE
) -> list[str]:
    text = HEAD.replace("USER", user).replace("ORDERS", orders) + end
    write_project(folder, {"screen": text}, services={"shop": service})
    return lines_of(folder)


def lines_of(folder: Path) -> list[str]:
    project = compile_project(folder)
    return explain(project.compositions[0], project.services).splitlines()


def below(lines: list[str], heading: str) -> list[str]:
    """The heading and the lines below it that are indented deeper."""
    start = lines.index(heading)
    depth = len(heading) - len(heading.lstrip())
    inner = [heading.strip()]
    for line in lines[start + 1 :]:
        if len(line) - len(line.lstrip()) <= depth:
            break
        inner.append(line[depth:])
    return inner


def test_windows_scope_key_and_tags_of_a_payload_are_shown(tmp_path: Path) -> None:
    end = 'cache: {ttl: 30s, stale: 5m, stale_if_error: 0s, tags: [home, "user:${user.id}"]}'
    lines = explained(tmp_path, end)
    assert below(lines, "cache: fresh 30 s, then stale 300 s, on errors 0 s") == [
        "cache: fresh 30 s, then stale 300 s, on errors 0 s",
        "  scope: public",
        "  key: params.id",
        "  tags: home, user:${user.id}",
    ]


def test_key_of_nothing_is_the_plan_alone(tmp_path: Path) -> None:
    text = "endpoint: GET /a\nsteps:\n  user: {call: shop.get_user, with: {id: 1}}\n"
    write_project(tmp_path, {"a": text + "cache: {ttl: 500ms}\n"})
    lines = lines_of(tmp_path)
    assert "cache: fresh 500 ms, then stale 10 s, on errors 60 s" in lines
    assert "  key: the plan alone" in lines


@pytest.mark.parametrize(
    ("user", "scope", "shown"),
    [
        ("", "", "public"),
        ("", "scope: public", "public, as declared: browsers and proxies share it too"),
        ("", "scope: identity", "identity, as declared"),
        (MINE, "", "identity, by claims.sub → 'user' (when) → response"),
    ],
)
def test_who_shares_a_payload_is_shown_with_the_reason(
    user: str, scope: str, shown: str, tmp_path: Path
) -> None:
    lines = explained(tmp_path, f"cache: {{ttl: 1m, {scope}}}", user=user)
    assert f"  scope: {shown}" in lines


def test_steps_that_who_is_calling_reaches_say_so_and_others_do_not(tmp_path: Path) -> None:
    lines = explained(tmp_path, user=MINE)
    scope = "scope: identity, by claims.sub → 'user' (when)"
    assert f"  {scope}" in below(lines, "  user: shop.get_user")
    assert not any("scope" in line for line in below(lines, "  orders: shop.list_orders"))


def test_replies_that_are_kept_are_shown_at_the_step(tmp_path: Path) -> None:
    own = ", cache: {ttl: 5s, scope: identity, tags: ['o:${params.user_id}', orders]}"
    lines = explained(tmp_path, orders=own)
    step = below(lines, "  orders: shop.list_orders")
    start = step.index("  replies: fresh 5 s, then stale 10 s, on errors 60 s")
    assert step[start + 1 : start + 3] == [
        "    scope: identity, as declared",
        "    tags: o:${params.user_id}, orders",
    ]
    assert not any("replies" in line for line in below(lines, "  user: shop.get_user"))


def test_replies_that_are_stored_for_failures_alone_are_shown_so(tmp_path: Path) -> None:
    step = below(explained(tmp_path, user=", on_failure: stale"), "  user: shop.get_user")
    assert "  replies: stored 3600 s, for failures alone" in step
    shown = "  on failure: its last good value, degraded; without one the composition fails"
    assert shown in step


def test_what_is_purged_and_how_many_fields_may_be_asked_for_is_shown(tmp_path: Path) -> None:
    end = "fields: {max: 7}\npurges: ['orders:${params.id}', carts]\n"
    text = HEAD.replace("USER", "").replace("ORDERS", "").replace("GET", "POST") + end
    write_project(tmp_path, {"screen": text})
    lines = lines_of(tmp_path)
    assert "cache: off" in lines
    assert "purges: orders:${params.id}, carts" in lines
    assert "fields: at most 7 at once" in lines


def test_plan_without_any_of_it_shows_none(tmp_path: Path) -> None:
    lines = explained(tmp_path)
    assert "cache: off" in lines
    assert not any(word in line for line in lines for word in ("purges", "fields", "replies"))
