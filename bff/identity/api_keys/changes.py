"""What `bff keys` does to the keys: add, revoke, rotate. Pure.

Rules:
1. An id stands for one caller: that of a key that ended isn't given again while the key is listed.
2. A key has two good secrets at most: the one in use, and the one that follows it.
3. A key that ended `FORGOTTEN_AFTER` ago is forgotten when another is added.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from bff.identity.api_keys.records import (
    MOST_KEYS,
    ApiKeyError,
    KeyRecord,
    KeySecret,
    KeyTable,
    first_fault,
)

FORGOTTEN_AFTER: Final = timedelta(days=90)


def add_key(
    table: KeyTable,
    id: str,
    digest: bytes,
    *,
    roles: Sequence[str],
    scopes: Sequence[str],
    claims: Mapping[str, Any],
    life: timedelta | None,
    now: datetime,
) -> KeyTable:
    """The keys with a new one, which ends after its `life`. Raises `ApiKeyError`."""
    kept = tuple(each for each in table.keys if not _is_forgotten(each, now))
    if any(each.id == id for each in kept):
        raise ApiKeyError(
            f"There is a key '{id}' already. `bff keys rotate {id}` gives it another secret;"
            " another caller gets another id."
        )
    if len(kept) >= MOST_KEYS:
        raise ApiKeyError(
            f"There are {MOST_KEYS} keys, which is the most. Keys that ended are forgotten after"
            f" {FORGOTTEN_AFTER.days} days: revoke those that nobody needs."
        )
    try:
        record = KeyRecord(
            id=id,
            roles=tuple(dict.fromkeys(roles)),
            scopes=tuple(dict.fromkeys(scopes)),
            claims=dict(claims),
            secrets=(_secret(digest, life, now),),
        )
    except ValidationError as error:
        raise ApiKeyError(_described(error)) from None
    return KeyTable(keys=(*kept, record))


def revoke_key(table: KeyTable, id: str, now: datetime) -> KeyTable:
    """The keys with this one revoked, for good. Raises `ApiKeyError`."""
    record = _found(table, id)
    if record.revoked is not None:
        raise ApiKeyError(f"The key '{id}' is revoked already.")
    return _with(table, record.model_copy(update={"revoked": now}))


def rotate_key(
    table: KeyTable,
    id: str,
    digest: bytes,
    *,
    grace: timedelta,
    life: timedelta | None,
    now: datetime,
) -> KeyTable:
    """The keys, of which this one has a new secret. The one before is good for `grace` more, and no
    longer than it was. The new one lives as long as the one before was meant to, where no `life` is
    stated. Raises `ApiKeyError`."""
    record = _found(table, id)
    if record.revoked is not None:
        raise ApiKeyError(f"The key '{id}' is revoked: add one with another id.")
    good = record.good_secrets(now)
    if len(good) > 1 and grace:
        until = good[0].expires
        raise ApiKeyError(
            f"The key '{id}' has two secrets until {until}, which is the most. Wait until then;"
            " or end both at once, by `--grace 0s`."
        )
    before = record.newest
    if life is None and before.expires is not None:
        life = before.expires - before.created
    secrets = (_ending(before, now + grace), _secret(digest, life, now))
    return _with(table, record.model_copy(update={"secrets": secrets}))


def _found(table: KeyTable, id: str) -> KeyRecord:
    record = table.find(id)
    if record is None:
        raise ApiKeyError(f"There is no key '{id}'. `bff keys list` shows those that there are.")
    return record


def _with(table: KeyTable, record: KeyRecord) -> KeyTable:
    return KeyTable(keys=tuple(record if each.id == record.id else each for each in table.keys))


def _secret(digest: bytes, life: timedelta | None, now: datetime) -> KeySecret:
    expires = None if life is None else now + life
    return KeySecret(sha256=digest.hex(), created=now, expires=expires)


def _ending(secret: KeySecret, at: datetime) -> KeySecret:
    expires = at if secret.expires is None else min(at, secret.expires)
    return secret.model_copy(update={"expires": expires})


def _is_forgotten(record: KeyRecord, now: datetime) -> bool:
    ended = record.ended_at()
    return ended is not None and now > ended + FORGOTTEN_AFTER


def _described(error: ValidationError) -> str:
    """What is wrong with a new key, by its options. No value is repeated."""
    at, what = first_fault(error)
    name = str(at[0]) if at else ""
    return {
        "id": "--id: 1 to 64 letters, digits and . _ @ -, of which the first is a letter or digit.",
        "roles": "--role: 1 to 200 visible ASCII characters, and 100 roles at most.",
        "scopes": "--scope: 1 to 200 visible ASCII characters, and 100 scopes at most.",
        "claims": "--claim: 100 claims at most, of JSON values that are not nested deep.",
    }.get(name, f"--claim: {what}.")
