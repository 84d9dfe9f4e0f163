"""The text of API keys, what is stored of them, and what `bff keys` does to them."""

import hashlib
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bff.identity.api_keys.changes import FORGOTTEN_AFTER, add_key, revoke_key, rotate_key
from bff.identity.api_keys.records import (
    MOST_BYTES,
    MOST_KEYS,
    ApiKeyError,
    KeyRecord,
    KeyTable,
    read_table,
    write_table,
)
from bff.identity.api_keys.texts import LENGTH, PREFIX, digest_of, is_whole, new_key

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)
DAY = timedelta(days=1)


def digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def added(table: KeyTable, id: str, secret: str | None = None, **options: Any) -> KeyTable:
    all_options: dict[str, Any] = {
        "roles": [], "scopes": [], "claims": {}, "life": None, "now": NOW, **options,
    }  # fmt: skip
    return add_key(table, id, digest(secret or id), **all_options)


def found(table: KeyTable, id: str) -> KeyRecord:
    record = table.find(id)
    assert record is not None
    return record


def test_key_holds_256_random_bits_and_is_one_word() -> None:
    least, most = new_key(bytes), new_key(lambda count: b"\xff" * count)
    assert least.startswith(f"{PREFIX}{'0' * 43}")
    assert len({len(least), len(most), LENGTH}) == 1
    for key in (least, most, *(new_key(secrets.token_bytes) for _ in range(50))):
        assert re.fullmatch(r"bff_key_[0-9A-Za-z]{49}", key)
        assert is_whole(key)
    assert len({new_key(secrets.token_bytes) for _ in range(50)}) == 50


def test_key_that_is_mistyped_anywhere_is_known_for_it() -> None:
    key = new_key(secrets.token_bytes)
    for at in range(len(key)):
        other = "x" if key[at] != "x" else "y"
        assert not is_whole(key[:at] + other + key[at + 1 :])
        assert not is_whole(key[:at] + key[at + 1 :])
    for wrong in ("", key.upper(), key + " ", f" {key}", key[:-1] + "é"):
        assert not is_whole(wrong)


def test_what_is_stored_holds_no_secret_and_reads_as_it_was_written() -> None:
    key = new_key(secrets.token_bytes)
    table = add_key(
        KeyTable(), "partner-1", digest_of(key),
        roles=["partner"], scopes=["orders.read"], claims={"tenant": "acme", "level": 3},
        life=90 * DAY, now=NOW,
    )  # fmt: skip
    text = write_table(table, "keys.json")
    assert key.encode() not in text
    assert key[len(PREFIX) :].encode() not in text
    assert json.loads(text)["keys"] == [{
        "id": "partner-1", "roles": ["partner"], "scopes": ["orders.read"],
        "claims": {"tenant": "acme", "level": 3}, "revoked": None,
        "secrets": [{
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "created": "2026-11-28T14:00:00Z", "expires": "2027-02-26T14:00:00Z",
        }],
    }]  # fmt: skip
    assert read_table(text, "keys.json") == table


def test_key_without_an_end_never_ends() -> None:
    key = found(added(KeyTable(), "a"), "a")
    assert key.good_secrets(NOW + 40_000 * DAY)
    assert key.ended_at() is None


def test_key_ends_at_the_moment_that_it_expires() -> None:
    key = found(added(KeyTable(), "a", life=DAY), "a")
    assert key.good_secrets(NOW + DAY - timedelta(seconds=1))
    assert not key.good_secrets(NOW + DAY)


def test_revoked_key_has_no_good_secret_and_stays_listed() -> None:
    table = revoke_key(added(added(KeyTable(), "a"), "b"), "a", NOW + DAY)
    assert not found(table, "a").good_secrets(NOW)
    assert found(table, "a").revoked == NOW + DAY
    assert found(table, "b").good_secrets(NOW)


def test_rotated_key_has_two_good_secrets_until_the_grace_is_over() -> None:
    table = added(KeyTable(), "a", "one")
    table = rotate_key(table, "a", digest("two"), grace=DAY, life=None, now=NOW)
    key = found(table, "a")
    assert [each.sha256 for each in key.good_secrets(NOW + DAY / 2)] == [
        digest("one").hex(), digest("two").hex(),
    ]  # fmt: skip
    assert [each.sha256 for each in key.good_secrets(NOW + DAY)] == [digest("two").hex()]


def test_new_secret_of_a_rotated_key_lives_as_long_as_the_one_before_was_meant_to() -> None:
    table = added(KeyTable(), "a", life=90 * DAY)
    later = NOW + 80 * DAY
    table = rotate_key(table, "a", digest("two"), grace=DAY, life=None, now=later)
    assert found(table, "a").newest.expires == later + 90 * DAY
    table = rotate_key(table, "a", digest("three"), grace=DAY, life=7 * DAY, now=later + 2 * DAY)
    assert found(table, "a").newest.expires == later + 9 * DAY


def test_grace_makes_no_secret_live_longer_than_it_was_to() -> None:
    table = added(KeyTable(), "a", life=DAY)
    table = rotate_key(table, "a", digest("two"), grace=7 * DAY, life=None, now=NOW)
    assert found(table, "a").secrets[0].expires == NOW + DAY


def test_key_that_expired_may_be_rotated_and_the_old_secret_stays_dead() -> None:
    table = added(KeyTable(), "a", life=DAY)
    table = rotate_key(table, "a", digest("two"), grace=DAY, life=None, now=NOW + 2 * DAY)
    good = found(table, "a").good_secrets(NOW + 2 * DAY)
    assert [each.sha256 for each in good] == [digest("two").hex()]


def test_third_secret_at_once_is_refused_but_for_a_rotation_that_ends_both() -> None:
    table = added(KeyTable(), "a", "one")
    table = rotate_key(table, "a", digest("two"), grace=DAY, life=None, now=NOW)
    with pytest.raises(ApiKeyError, match=r"has two secrets until 2026-11-29 .*--grace 0s"):
        rotate_key(table, "a", digest("three"), grace=DAY, life=None, now=NOW)
    table = rotate_key(table, "a", digest("three"), grace=timedelta(), life=None, now=NOW)
    good = found(table, "a").good_secrets(NOW)
    assert [each.sha256 for each in good] == [digest("three").hex()]


def test_key_that_ended_long_ago_is_forgotten_and_one_that_did_not_is_kept() -> None:
    table = added(added(added(KeyTable(), "old", life=DAY), "kept"), "gone")
    table = revoke_key(table, "gone", NOW)
    just_before = added(table, "new", now=NOW + FORGOTTEN_AFTER)
    assert [each.id for each in just_before.keys] == ["old", "kept", "gone", "new"]
    after = added(table, "new", now=NOW + FORGOTTEN_AFTER + 2 * DAY)
    assert [each.id for each in after.keys] == ["kept", "new"]


REFUSED_CHANGES = {
    "an id twice": (
        lambda table: added(table, "a", "other"),
        "There is a key 'a' already. `bff keys rotate a` gives it another secret; another caller"
        " gets another id.",
    ),
    "the id of a revoked key": (
        lambda table: added(revoke_key(table, "a", NOW), "a", "other"),
        "There is a key 'a' already.",
    ),
    "revoke twice": (
        lambda table: revoke_key(revoke_key(table, "a", NOW), "a", NOW),
        "The key 'a' is revoked already.",
    ),
    "revoke nobody": (
        lambda table: revoke_key(table, "b", NOW),
        "There is no key 'b'. `bff keys list` shows those that there are.",
    ),
    "rotate nobody": (
        lambda table: rotate_key(table, "b", digest("b"), grace=DAY, life=None, now=NOW),
        "There is no key 'b'.",
    ),
    "rotate a revoked one": (
        lambda table: rotate_key(
            revoke_key(table, "a", NOW), "a", digest("b"), grace=DAY, life=None, now=NOW
        ),
        "The key 'a' is revoked: add one with another id.",
    ),
    "an id with a blank": (lambda table: added(table, "b c"), "--id: 1 to 64 letters"),
    "an id with a line break": (lambda table: added(table, "b\n"), "--id: 1 to 64 letters"),
    "a long id": (lambda table: added(table, "b" * 65), "--id: 1 to 64 letters"),
    "a role with a blank": (lambda table: added(table, "b", roles=["a b"]), "--role: 1 to 200"),
    "many roles": (
        lambda table: added(table, "b", roles=[f"r{number}" for number in range(101)]),
        "--role: 1 to 200 visible ASCII characters, and 100 roles at most.",
    ),
    "an empty scope": (lambda table: added(table, "b", scopes=[""]), "--scope: 1 to 200"),
    "many claims": (
        lambda table: added(table, "b", claims={f"c{number}": 1 for number in range(101)}),
        "--claim: 100 claims at most, of JSON values that are not nested deep.",
    ),
    "a claim that is no number": (
        lambda table: added(table, "b", claims={"c": float("nan")}),
        "--claim: 100 claims at most, of JSON values that are not nested deep.",
    ),
    "a claim with half of a character": (
        lambda table: added(table, "b", claims={"c": "\ud800"}),
        "its claims have a value that no JSON text can hold",
    ),
    "a claim's name with half of a character": (
        lambda table: added(table, "b", claims={"\udcff": 1}),
        "its claims have a value that no JSON text can hold",
    ),
    "long claims": (
        lambda table: added(table, "b", claims={"c": "x" * 5000}),
        "--claim: its claims have over 4096 characters of JSON.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_CHANGES)
def test_change_that_makes_no_sense_is_refused_with_its_remedy(case: str) -> None:
    change, message = REFUSED_CHANGES[case]
    with pytest.raises(ApiKeyError) as caught:
        change(added(KeyTable(), "a"))
    assert message in str(caught.value)


def test_table_is_bounded_in_keys_and_in_bytes() -> None:
    full = KeyTable(keys=tuple(
        found(added(KeyTable(), f"k{number}"), f"k{number}") for number in range(MOST_KEYS)
    ))  # fmt: skip
    with pytest.raises(ApiKeyError, match=f"There are {MOST_KEYS} keys, which is the most"):
        added(full, "one-more")
    assert len(read_table(write_table(full, "keys.json"), "keys.json").keys) == MOST_KEYS
    claims = {"text": "x" * 4000}
    heavy = KeyTable(
        keys=tuple(each.model_copy(update={"claims": claims}) for each in full.keys[:300])
    )
    with pytest.raises(ApiKeyError, match=f"keys.json would have over {MOST_BYTES} bytes"):
        write_table(heavy, "keys.json")


def stored(*others: str, **members: Any) -> bytes:
    secret = {"sha256": "0" * 64, "created": "2026-11-28T14:00:00Z"}
    keys = [{"id": id, "secrets": [secret]} | members for id in ("a", *others)]
    return json.dumps({"version": 1, "keys": keys}).encode()


BROKEN = {
    "empty": (b"", "no JSON at line 1, column 1"),
    "cut off": (stored()[:-3], "no JSON at line 1, column"),
    "no object": (b"[]", "the whole: "),
    "another version": (stored().replace(b": 1,", b": 2,"), "version: "),
    "a key twice": (b'{"version": 1, "version": 1}', "a key of an object stands twice"),
    "an unknown key": (stored(admin=True), "keys.0.admin: "),
    "no secret": (stored(secrets=[]), "keys.0.secrets: "),
    "a short hash": (stored(secrets=[{"sha256": "0", "created": NOW.isoformat()}]), "sha256: "),
    "no time zone": (
        stored(secrets=[{"sha256": "0" * 64, "created": "2026-11-28T14:00:00"}]), "created: ",
    ),
    "roles that are one text": (stored(roles="admin"), "keys.0.roles: "),
    "a secret of two": (stored("b"), "a secret stands twice"),
    "an id of two": (stored("a"), "the id a stands twice"),
    "deep": (b"[" * 100_000, "nested too deep"),
    "long number": (b"[" + b"9" * 5000 + b"]", "limit"),
    "no text": (b"\xff\xfe", "it is no UTF-8"),
    "not a number": (stored(claims={"a": float("nan")}), "claims"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_text_is_refused_with_the_place_and_without_its_values(case: str) -> None:
    text, why = BROKEN[case]
    with pytest.raises(ApiKeyError) as caught:
        read_table(text, "keys.json")
    message = str(caught.value)
    assert message.startswith("keys.json holds no API keys that `bff keys` wrote: ")
    assert message.endswith("Put back a copy of it; or delete it, and add the keys anew.")
    assert why in message
    assert "0" * 64 not in message


def test_huge_text_is_not_parsed() -> None:
    with pytest.raises(ApiKeyError, match=f"keys.json has over {MOST_BYTES} bytes"):
        read_table(b" " * (MOST_BYTES + 1), "keys.json")
