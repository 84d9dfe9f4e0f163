"""What is stored of API keys: one JSON text, the same in a file and in Redis. Pure.

    {"version": 1, "keys": [{"id": "partner-1", "roles": ["partner"], "scopes": [], "claims": {},
      "secrets": [{"sha256": "9f8…", "created": "2026-11-28T14:00:00Z", "expires": null}],
      "revoked": null}]}

A key's secrets are in the order in which they were made. The text holds no secret itself: whoever
reads it can't call.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

MOST_KEYS: Final = 2000
MOST_BYTES: Final = 1024 * 1024
MOST_GRANTS: Final = 100  # roles, and scopes, and claims, of one key
_LONGEST_CLAIMS: Final = 4096  # characters of their JSON
_MOST_SECRETS: Final = 2

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\z")]
_Grant = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}\z")]
_Grants = Annotated[tuple[_Grant, ...], Field(max_length=MOST_GRANTS)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\z")]


class ApiKeyError(Exception):
    """Keys can't be read, or changed as wished; the text says why and how to mend it, for people,
    and holds nothing of a key."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class KeySecret(_Stored):
    """One secret of a key: its SHA-256, and from when until when it is good."""

    sha256: _Digest
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


class KeyRecord(_Stored):
    """One key: whom it identifies, what it grants, and its secrets."""

    id: _Id
    roles: _Grants = ()
    scopes: _Grants = ()
    claims: Annotated[dict[str, JsonValue], Field(max_length=MOST_GRANTS)] = {}
    secrets: Annotated[tuple[KeySecret, ...], Field(min_length=1, max_length=_MOST_SECRETS)]
    revoked: AwareDatetime | None = None

    @property
    def newest(self) -> KeySecret:
        """The secret that was made last."""
        return self.secrets[-1]

    def good_secrets(self, now: datetime) -> tuple[KeySecret, ...]:
        """The secrets that callers may use."""
        if self.revoked is not None:
            return ()
        return tuple(each for each in self.secrets if each.is_good(now))

    def ended_at(self) -> datetime | None:
        """When its last secret ceases, or ceased, to be good; None where that never comes."""
        return self.revoked if self.revoked is not None else self.newest.expires

    @model_validator(mode="after")
    def _refuse_odd_claims(self) -> Self:
        try:
            text = json.dumps(self.claims, ensure_ascii=False, allow_nan=False)
            text.encode()
        except ValueError:  # half of a character, for one
            raise ValueError("its claims have a value that no JSON text can hold") from None
        if len(text) > _LONGEST_CLAIMS:
            raise ValueError(f"its claims have over {_LONGEST_CLAIMS} characters of JSON")
        return self


class KeyTable(_Stored):
    """All keys. Immutable: `bff.identity.api_keys.changes` makes new ones of it."""

    version: Literal[1] = 1
    keys: Annotated[tuple[KeyRecord, ...], Field(max_length=MOST_KEYS)] = ()

    def find(self, id: str) -> KeyRecord | None:
        """The key of this id."""
        return next((each for each in self.keys if each.id == id), None)

    @model_validator(mode="after")
    def _refuse_doubles(self) -> Self:
        if twice := _first_double(each.id for each in self.keys):
            raise ValueError(f"the id {twice} stands twice")
        if _first_double(each.sha256 for key in self.keys for each in key.secrets):
            raise ValueError("a secret stands twice")
        return self


def read_table(text: bytes | None, where: str) -> KeyTable:
    """The keys in a JSON text, none where there is no text; `where` names its place in errors.
    Raises `ApiKeyError`."""
    if text is None:
        return KeyTable()
    if len(text) > MOST_BYTES:
        raise ApiKeyError(f"{where} has over {MOST_BYTES} bytes, so it isn't read.")
    try:
        found = json.loads(text.decode(), object_pairs_hook=_unique)
        return KeyTable.model_validate(found)
    except ValidationError as error:
        at, what = first_fault(error)
        why = f"{'.'.join(map(str, at)) or 'the whole'}: {what}"
    except RecursionError:
        why = "it is nested too deep"
    except json.JSONDecodeError as error:
        why = f"no JSON at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError:
        why = "it is no UTF-8"
    except ValueError as error:  # a double, or an integer of thousands of digits
        why = str(error)
    raise ApiKeyError(
        f"{where} holds no API keys that `bff keys` wrote: {why}. Put back a copy of it; or delete"
        " it, and add the keys anew."
    )


def write_table(table: KeyTable, where: str) -> bytes:
    """The JSON text of the keys. Raises `ApiKeyError` where it would be too large to be read."""
    text = (table.model_dump_json(indent=1) + "\n").encode()
    if len(text) > MOST_BYTES:
        raise ApiKeyError(f"{where} would have over {MOST_BYTES} bytes: keys have many claims.")
    return text


def first_fault(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Where the first fault is, and what it is; no value is repeated."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return first["loc"], first["msg"].removeprefix("Value error, ")


def utc(seconds: float) -> datetime:
    """A time in seconds since the epoch, as keys have it: in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key of an object stands twice")
    return found


def _first_double(texts: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            return text
        seen.add(text)
    return None
