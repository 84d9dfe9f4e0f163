"""What is wrong with caching is reported at its place: `▶` stands right before it."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from tests.support.marks import MARK
from tests.support.projects import SHOP_SERVICE, write_project

HEAD = "endpoint: GET /home/{id}\nparams:\n  id: {type: integer}\n"
USER = "call: shop.get_user, with: {id: '${params.id}'}"
MINE = "call: shop.get_user, with: {id: '${claims.sub}'}"


def operation_cache(said: str) -> str:
    return SHOP_SERVICE.replace(
        "    returns: schemas.shop:User\n", f"    returns: schemas.shop:User\n    cache: {said}\n"
    ).lstrip("\n")


PUBLIC_USERS = operation_cache("{ttl: 1h, scope: ▶public}")


CASES = {
    # the composition, the service, the path, what is said, part of the remedy
    "public payload that a claim reaches": (
        f"{HEAD}steps:\n  user: {{{MINE}}}\ncache: {{ttl: 1m, scope: ▶public}}",
        SHOP_SERVICE, "cache.scope",
        "the caller's identity reaches the payload: claims.sub → 'user' (with.id) → response",
        "Leave `scope` out, or keep claims.sub away from there",
    ),
    "public payload that a header reaches": (
        f"{HEAD}  Cookie: {{in: header, type: string}}\nsteps:\n"
        f"  user: {{{USER}, when: '${{params.Cookie}}'}}\ncache: {{ttl: 1m, scope: ▶public}}",
        SHOP_SERVICE, "cache.scope", "the header cookie → 'user' (when) → response", "",
    ),
    "public replies to a step's own requests": (
        f"{HEAD}steps:\n  user: {{{MINE}, cache: {{ttl: 1m, scope: ▶public}}}}",
        SHOP_SERVICE, "steps.user.cache.scope",
        "the caller's identity reaches the request: claims.sub → 'user' (with.id)",
        "keep claims.sub away",
    ),
    "public replies of an operation": (
        f"{HEAD}steps:\n  user: {{{MINE}}}", PUBLIC_USERS,
        "operations.get_user.cache.scope",
        "the request of compositions/home.yaml: claims.sub → 'user'", "",
    ),
    "cache of a step that writes": (
        "endpoint: POST /a\nsteps:\n"
        "  order: {call: shop.create_order, with: {user_id: 1}, ▶cache: {ttl: 1m}}",
        SHOP_SERVICE, "steps.order.cache", "shop.create_order writes", "Leave `cache` out",
    ),
    "stale value of a step that writes": (
        "endpoint: POST /a\nsteps:\n"
        "  order: {call: shop.create_order, with: {user_id: 1}, on_failure: ▶stale}",
        SHOP_SERVICE, "steps.order.on_failure", "the result of a write is not stored", "optional",
    ),
    "stale value where none is kept": (
        f"{HEAD}steps:\n"
        f"  user: {{{USER}, on_failure: ▶stale, cache: {{ttl: 1m, stale_if_error: 0s}}}}",
        SHOP_SERVICE, "steps.user.on_failure", "`stale_if_error` is 0s", "leave it out",
    ),
    "stale value where the operation keeps none": (
        f"{HEAD}steps:\n  user: {{{USER}, on_failure: ▶stale}}",
        operation_cache("{ttl: 1m, stale_if_error: 0s}"),
        "steps.user.on_failure", "`stale_if_error` is 0s", "",
    ),
    "stale value that outlives a purge of the payload": (
        f"{HEAD}steps:\n  user: {{{USER}, on_failure: ▶stale}}\ncache: {{ttl: 1m, tags: [a]}}",
        SHOP_SERVICE, "steps.user.on_failure", "a stale reply without tags", "tags: [",
    ),
    "stale value of an operation that outlives a purge of the payload": (
        f"{HEAD}steps:\n  user: {{{USER}, on_failure: ▶stale}}\ncache: {{ttl: 1m, tags: [a]}}",
        operation_cache("{ttl: 1m}"), "steps.user.on_failure",
        "a stale reply without tags", "",
    ),
    "tag of a payload that reads no step": (
        f"{HEAD}steps:\n  user: {{{USER}}}\ncache: {{ttl: 1m, tags: [a, 'u:${{▶usr.id}}']}}",
        SHOP_SERVICE, "cache.tags[1]", "unknown name 'usr'", "'user'",
    ),
    "tag of a payload that asks whether it is degraded": (
        f"{HEAD}steps:\n  user: {{{USER}}}\ncache: {{ttl: 1m, tags: ['u:${{▶degraded}}']}}",
        SHOP_SERVICE, "cache.tags[0]", "unknown name 'degraded'", "",
    ),
    "tag of a reply that reads another step": (
        f"{HEAD}steps:\n  one: {{{USER}}}\n"
        f"  user: {{{USER}, cache: {{ttl: 1m, tags: ['u:${{▶one.id}}']}}}}",
        SHOP_SERVICE, "steps.user.cache.tags[0]", "unknown name 'one'", "Known: params, reply",
    ),
    "tag of a reply that reads the composition's param": (
        f"{HEAD}  other: {{type: integer}}\nsteps:\n"
        f"  user: {{{USER}, cache: {{ttl: 1m, tags: ['u:${{params.▶other}}']}}}}",
        SHOP_SERVICE, "steps.user.cache.tags[0]", "no param 'other' is declared", "",
    ),
    "tag of an operation that reads what it doesn't return": (
        f"{HEAD}steps:\n  user: {{{USER}}}",
        operation_cache("{ttl: 1m, tags: ['u:${reply.▶idd}']}"),
        "operations.get_user.cache.tags[0]", "User has no field 'idd'", "'id'",
    ),
    "tag of an operation that is an object": (
        f"{HEAD}steps:\n  user: {{{USER}}}",
        operation_cache("{ttl: 1m, tags: ['u:${▶reply}']}"),
        "operations.get_user.cache.tags[0]", "User can't be in a tag", "a text or a number",
    ),
    "purge that reads no step": (
        "endpoint: POST /a\nsteps:\n"
        "  order: {call: shop.create_order, with: {user_id: 1}}\npurges: ['o:${▶ordr.id}']",
        SHOP_SERVICE, "purges[0]", "unknown name 'ordr'", "'order'",
    ),
    "step that is called as the claims are": (
        f"{HEAD}steps:\n  ▶claims: {{{USER}}}\n  user: {{{MINE}}}", SHOP_SERVICE,
        "steps.claims", "a meaning of its own", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_mistake_is_reported_at_its_place(case: str, tmp_path: Path) -> None:
    composition, service, path, what, mend = CASES[case]
    files = {"compositions/home.yaml": composition, "services/shop.yaml": service.lstrip("\n")}
    plain = {name: text.replace(MARK, "") for name, text in files.items()}
    write_project(
        tmp_path,
        {"home": plain["compositions/home.yaml"]},
        services={"shop": plain["services/shop.yaml"]},
    )
    (problem,) = check_project(tmp_path).problems
    (marked,) = (name for name, text in files.items() if MARK in text)
    before = files[marked].partition(MARK)[0]
    place = (marked, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    assert (problem.place.file, problem.place.line, problem.place.column) == place, str(problem)
    assert problem.path == path
    assert what in problem.what
    assert mend in problem.mend


@pytest.mark.parametrize("own", ["", ", cache: {ttl: 1s, tags: ['user:${reply.id}']}"])
def test_stale_reply_that_a_purge_reaches_stands_in_for_a_failure(own: str, tmp_path: Path) -> None:
    of_operation = "{ttl: 1m}" if own else "{ttl: 1m, tags: ['user:${reply.id}']}"
    step = f"user: {{{USER}, on_failure: stale{own}}}"
    text = f"{HEAD}steps:\n  {step}\ncache: {{ttl: 1m, tags: [a]}}\n"
    write_project(tmp_path, {"home": text}, services={"shop": operation_cache(of_operation)})
    assert check_project(tmp_path).problems == ()


def test_public_replies_are_shared_when_ids_come_from_another_step(tmp_path: Path) -> None:
    text = f"""{HEAD}steps:
  mine: {{call: shop.list_orders, with: {{user_id: '${{claims.sub}}'}}}}
  user: {{call: shop.get_user, with: {{id: '${{mine.orders[0].id || `1`}}'}}}}
"""
    service = PUBLIC_USERS.replace(MARK, "")
    write_project(tmp_path, {"home": text}, services={"shop": service})
    assert check_project(tmp_path).problems == ()


def test_steps_own_cache_is_what_its_scope_is_asked_of(tmp_path: Path) -> None:
    text = f"{HEAD}steps:\n  user: {{{MINE}, cache: {{ttl: 1m}}}}\n"
    service = PUBLIC_USERS.replace(MARK, "")
    write_project(tmp_path, {"home": text}, services={"shop": service})
    assert check_project(tmp_path).problems == ()


def test_each_composition_that_brings_the_caller_into_public_replies_is_reported(
    tmp_path: Path,
) -> None:
    text = f"{HEAD}steps:\n  user: {{{MINE}}}\n"
    service = PUBLIC_USERS.replace(MARK, "")
    both = {"a": text, "b": text.replace("/home", "/other")}
    write_project(tmp_path, both, services={"shop": service})
    reported = [problem.what for problem in check_project(tmp_path).problems]
    assert len(reported) == 2
    assert "compositions/a.yaml" in reported[0]
    assert "compositions/b.yaml" in reported[1]


def test_scope_is_reported_beside_other_mistakes(tmp_path: Path) -> None:
    text = (
        f"{HEAD}steps:\n  user: {{{MINE}}}\n  two: {{call: shop.nope}}\n"
        "cache: {ttl: 1m, scope: public}\n"
    )
    write_project(tmp_path, {"home": text})
    reported = [problem.path for problem in check_project(tmp_path).problems]
    assert reported == ["steps.two.call", "cache.scope"]


def test_operations_cache_that_a_write_does_not_read_is_asked_nothing(tmp_path: Path) -> None:
    text = f"{HEAD}steps:\n  user: {{{MINE}, on_failure: stale}}\n".replace("GET", "POST")
    service = PUBLIC_USERS.replace(MARK, "")
    write_project(tmp_path, {"home": text}, services={"shop": service})
    assert check_project(tmp_path).problems == ()
