"""Sessions before anything is stored: own paths, sealed records, logins, and answers of issuers."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bff.environment import Environment
from bff.errors import SettingsError
from bff.identity.issuers.issuers import Issuers
from bff.identity.issuers.requests import IssuerDown
from bff.identity.sessions.grants import Grant, read_grant
from bff.identity.sessions.logins import LOGIN_SECONDS, Login, begin_login, resume_login
from bff.identity.sessions.refreshes import needs_refresh, session_of
from bff.identity.sessions.session import (
    Session,
    SessionKeys,
    handle_of,
    is_session_id,
    logout_sid,
    new_session_id,
)
from bff.identity.sessions.sessions import Sessions
from bff.own_paths import LONGEST_OWN_PATH, is_own_path
from bff.plan.compiler.project import check_project, compile_project
from bff.plan.params.sendable import LONGEST_TOKEN
from bff.secret import Secret
from bff.settings import Settings
from bff.telemetry.logs.repeats import Complaints
from bff.web.gateway import Gateway
from tests.support.projects import write_project

NOW = 1_800_000_000.0
KEY = "k" * 43
OLD, NEW = Secret("old-key-" * 4), Secret("new-key-" * 4)
SESSION = Session(
    claims={"sub": "a@x@y", "name": "\u00e4 \ud83d", "roles": ["admin"]},
    access_token=Secret("access"),
    renew_at=NOW + 240,
    access_until=NOW + 300,
    refresh_token=Secret("refresh"),
    id_token=Secret("id.to.ken"),
    ends_at=NOW + 1800,
    latest_end=NOW + 3600,
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/orders",
        "/orders?next=//x&u=https%3A%2F%2Fx",
        "/a%20b/%C3%A4#//last",
        "/@evil.example",
    ],
)
def test_path_of_the_own_site_is_one(path: str) -> None:
    assert is_own_path(path)


@pytest.mark.parametrize(
    "path",
    [
        *("", "orders", "https://evil.example", "javascript:alert(1)", "//evil.example"),
        *("/\\evil.example", "\\/evil.example", "/%5cevil.example", "/%5Cevil.example"),
        *("/%2f%2fevil.example", "/%2Fevil.example", "/%252fevil.example", "/%25252fevil.example"),
        *("/\t/evil.example", "/\n/evil.example", "/%09/evil.example", "/%0d%0aSet-Cookie:a=b"),
        *("/%00", "/a b", "/ä", "/%", "/%zz", "/..//evil.example", "/a//b", "/<script>"),
        "/" + "a" * LONGEST_OWN_PATH,
    ],
)
def test_path_that_may_leave_the_site_is_none(path: str) -> None:
    assert not is_own_path(path)


def test_record_is_opened_by_each_declared_key_and_by_no_other() -> None:
    handle = handle_of("a")
    record = SessionKeys([OLD]).seal(handle, SESSION)
    assert SessionKeys([NEW, OLD]).open(handle, record) == SESSION
    assert SessionKeys([NEW]).open(handle, record) is None
    assert SessionKeys([NEW, OLD]).seal(handle, SESSION)[:80] != record[:80]  # the newest seals
    for secret in (b"access", b"refresh", b"id.to.ken", b"a@x@y", b"old-key"):
        assert secret not in record


def test_record_that_was_changed_anywhere_or_moved_is_no_session() -> None:
    keys, handle = SessionKeys([OLD]), handle_of("a")
    record = keys.seal(handle, SESSION)
    assert keys.open(handle_of("b"), record) is None
    for place in range(0, len(record), 11):
        changed = bytearray(record)
        changed[place] ^= 1
        assert keys.open(handle, bytes(changed)) is None, place
    for junk in (b"", b".", b"....", record[:99], record + b".", record[:-1], b"\xff" * 300):
        assert keys.open(handle, junk) is None


def test_largest_tokens_and_claims_that_are_taken_fit_into_a_record() -> None:
    longest = Secret("t" * LONGEST_TOKEN)
    largest = replace(
        SESSION,
        claims={"sub": "ada", "groups": ["\U0001f511" * 100] * 40},  # 12 bytes each, as JSON has it
        access_token=longest,
        refresh_token=longest,
        id_token=longest,
    )
    record = SessionKeys([OLD]).seal(handle_of("a"), largest)
    assert SessionKeys([OLD]).open(handle_of("a"), record) == largest


def test_names_of_a_session_do_not_give_its_cookie() -> None:
    session_id = new_session_id(bytes(range(32)))
    assert is_session_id(session_id)
    assert len({session_id, handle_of(session_id), logout_sid(session_id)}) == 3
    for wrong in ("", session_id[1:], session_id + "a", session_id[:-1] + "=", "ä" * 43):
        assert not is_session_id(wrong)


def login(key: str = KEY, **changes: Any) -> Login:
    return begin_login(key, **{"return_to": "/a?b=c", "salt": bytes(16), "now": NOW, **changes})


def test_login_is_resumed_by_the_browser_that_began_it() -> None:
    begun = login(replaces=handle_of("old"))
    assert resume_login(KEY, begun.state, now=NOW + LOGIN_SECONDS) == begun
    assert begun.return_to == "/a?b=c"
    assert len(begun.verifier) == len(begun.challenge) == 43  # RFC 7636 §4.1
    parts = {begun.nonce, begun.verifier, begun.challenge, begun.state.rpartition(".")[2]}
    assert len(parts) == 4
    assert not any(part in begun.state for part in (begun.nonce, begun.verifier, begun.challenge))


def test_each_login_has_its_own_state_nonce_and_verifier() -> None:
    first, second = login(), login(salt=bytes(15) + b"\x01")
    assert first.state != second.state
    assert first.nonce != second.nonce
    assert first.verifier != second.verifier


def test_login_of_another_browser_or_time_or_with_another_path_is_none() -> None:
    state = login().state
    assert resume_login("K" * 43, state, now=NOW) is None
    assert resume_login(KEY, state, now=NOW + LOGIN_SECONDS + 1) is None
    assert resume_login(KEY, state, now=NOW - 61) is None
    assert resume_login("short", state, now=NOW) is None
    body, _, signature = state.rpartition(".")
    for wrong in ("", ".", "...", signature, body, f"{body}.", f"{body}x.{signature}", state * 9):
        assert resume_login(KEY, wrong, now=NOW) is None
    for place in range(0, len(state), 3):
        changed = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
        assert resume_login(KEY, changed, now=NOW) is None, place
    assert resume_login(KEY, state[:-1] + "ä", now=NOW) is None


def test_path_that_leaves_the_site_is_none_even_in_a_login_of_this_browser() -> None:
    """Who plants a login cookie can sign a state."""
    assert resume_login(KEY, login(return_to="//evil.example").state, now=NOW) is None
    assert resume_login(KEY, login(replaces="../x").state, now=NOW) is None


def test_login_of_a_time_that_no_clock_shows_is_none() -> None:
    for odd in (10**400, -(10**400)):
        assert resume_login(KEY, login(now=odd).state, now=NOW) is None


def answer(**members: Any) -> dict[str, Any]:
    return {"access_token": "a", "token_type": "Bearer", "id_token": "i", **members}


def test_ends_of_tokens_are_those_that_the_issuer_states() -> None:
    grant = read_grant(
        answer(expires_in="60", refresh_token="r", refresh_expires_in=600, token_type="bearer"), NOW
    )
    assert (grant.access_until, grant.refresh_until) == (NOW + 60, NOW + 600)
    assert "a" not in repr(grant.access_token)
    assert read_grant(answer(), NOW).access_until == NOW + 300
    assert read_grant(answer(refresh_expires_in=0), NOW).refresh_until is None
    assert read_grant(answer(refresh_token_expires_in=9), NOW).refresh_until == NOW + 9


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], "x", {}),
        answer(access_token=None),
        answer(access_token=""),
        answer(access_token="a b"),
        answer(access_token="a\r\nb"),
        answer(access_token="a" * 16385),
        answer(refresh_token=7),
        answer(id_token=["i"]),
        answer(token_type=None),
        answer(token_type="DPoP"),
        answer(expires_in=-1),
        answer(expires_in=True),
        answer(expires_in="soon"),
        answer(expires_in=float("nan")),
    ],
)
def test_answer_without_usable_tokens_is_trouble_of_the_issuers(document: Any) -> None:
    with pytest.raises(IssuerDown):
        read_grant(document, NOW)


def grant(**changes: Any) -> Grant:
    given = {
        "access_token": Secret("a"),
        "access_until": NOW + 100,
        "refresh_token": Secret("r"),
        "refresh_until": None,
        "id_token": Secret("i"),
        **changes,
    }
    return Grant(**given)


@pytest.mark.parametrize(
    ("changes", "ends_after"),
    [
        ({}, 1000),
        ({"refresh_until": NOW + 500}, 500),
        ({"refresh_until": NOW + 5000}, 1000),
        ({"refresh_token": None}, 100),
        ({"refresh_token": None, "access_until": NOW + 2000}, 1000),
    ],
)
def test_session_lasts_no_longer_than_what_renews_it(
    changes: dict[str, Any], ends_after: float
) -> None:
    session = session_of(grant(**changes), {"sub": "a"}, now=NOW, latest_end=NOW + 1000)
    assert session.ends_at == NOW + ends_after
    assert session.latest_end == NOW + 1000


def test_token_is_renewed_ahead_of_its_end() -> None:
    session = session_of(grant(), {"sub": "a"}, now=NOW, latest_end=NOW + 1000)
    needs = [needs_refresh(session, NOW + age) for age in (0, 79, 80, 99, 100, 500)]
    assert needs == ["no", "no", "soon", "soon", "now", "now"]
    hour = session_of(grant(access_until=NOW + 3600), {}, now=NOW, latest_end=NOW + 9000)
    assert hour.renew_at == NOW + 3540
    bare = session_of(grant(refresh_token=None), {}, now=NOW, latest_end=NOW + 1000)
    assert needs_refresh(bare, NOW + 100) == "no"


GATEWAY = """
identity:
  sessions:
    issuer: http://localhost:9104
    client_id: shop
    client_secret: "${secret.OIDC}"
    public_url: http://localhost:8080/shop
    keys: ["${secret.NEW}", "${secret.OLD}"]
"""


def test_keys_that_are_short_or_equal_are_problems_where_they_are_read(tmp_path: Path) -> None:
    write_project(tmp_path, gateway=GATEWAY)
    sound = {"OIDC": "o", "NEW": "n" * 32, "OLD": "o" * 32}
    assert check_project(tmp_path, Environment(sound)).problems == ()
    short = check_project(tmp_path, Environment({**sound, "OLD": "o" * 31})).problems
    assert [str(each) for each in short] == [
        "gateway.yaml:7:29 identity.sessions.keys[1]: a key has 32 characters or more."
        " Make one: openssl rand -base64 32."
    ]
    equal = check_project(tmp_path, Environment({**sound, "OLD": "n" * 32})).problems
    assert [each.what for each in equal] == ["this key stands before"]


def test_plan_shows_no_secret_and_other_keys_leave_the_sessions_where_they_are(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, gateway=GATEWAY)
    secrets = {"OIDC": "hunter2-client", "NEW": "hunter2-new" * 3, "OLD": "hunter2-old" * 3}
    plan = compile_project(tmp_path, Environment(secrets)).identity.sessions
    other = compile_project(tmp_path, Environment({**secrets, "NEW": "x" * 40})).identity.sessions
    assert plan is not None
    assert other is not None
    assert "hunter2" not in repr(plan)
    assert plan.namespace == other.namespace
    assert plan.redirect_uri == "http://localhost:8080/shop/bff/callback"
    assert plan.origin == "http://localhost:8080"


def test_sessions_that_were_never_opened_are_closed_without_a_word(tmp_path: Path) -> None:
    """So is a provider of which another part could not be opened."""
    write_project(tmp_path, gateway=GATEWAY)
    secrets = {"OIDC": "o", "NEW": "n" * 32, "OLD": "o" * 32}
    plan = compile_project(tmp_path, Environment(secrets)).identity.sessions
    assert plan is not None

    async def close_twice() -> None:
        issuers = Issuers()
        sessions = Sessions(
            plan,
            "redis://127.0.0.1:1",
            issuers,
            note=lambda *_: None,
            count_refresh=lambda outcome: None,
            clock=lambda: NOW,
            complaints=Complaints(),
        )
        await sessions.close()
        await sessions.open()
        await sessions.close()
        await sessions.close()
        await issuers.close()

    asyncio.run(close_twice())


def test_sessions_without_a_redis_are_refused_at_the_start(tmp_path: Path) -> None:
    write_project(tmp_path, gateway=GATEWAY)
    secrets = {"OIDC": "o", "NEW": "n" * 32, "OLD": "o" * 32}
    project = compile_project(tmp_path, Environment(secrets))
    with pytest.raises(SettingsError, match="set REDIS_URL"):
        asyncio.run(Gateway(project, Settings(log_level="error")).open())
