"""`bff keys add|list|revoke|rotate`: the API keys of a project, in its file or in Redis.

A key is printed once, on standard output, alone; everything else goes to standard error. Each
change has an audit line there. What keys become by each change is decided in
`bff.identity.api_keys.changes`.
"""

import asyncio
import json
import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, assert_never

import click

from bff.cli.project import audit_command, compile_or_exit, project_option
from bff.environment import Environment
from bff.errors import SettingsError
from bff.identity.api_keys.changes import add_key, revoke_key, rotate_key
from bff.identity.api_keys.records import ApiKeyError, KeyRecord, KeyTable, read_table, utc
from bff.identity.api_keys.shared import RedisStore
from bff.identity.api_keys.stores import Change, FileStore, KeyStore
from bff.identity.api_keys.texts import digest_of, new_key
from bff.plan.model.identity import NO_REDIS, ApiKeysPlan, KeyFile, SharedKeys
from bff.redis.clients import refuse_bad_url
from bff.redis.store import SharedStore, StoreDown
from bff.settings import load_settings

if TYPE_CHECKING:
    from bff.plan.model.identity import IdentityPlan
    from bff.telemetry.logs.events import AuditAction

T = TypeVar("T")

_REDIS_SECONDS: Final = 5.0
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST: Final = timedelta(days=3650)
_COLUMNS: Final = ("id", "roles", "scopes", "created", "expires", "state")
_CLAIM: Final = re.compile(r"([^=]+?)(:?=)(.*)", re.DOTALL)


def _duration(_ctx: click.Context, _param: click.Parameter, text: str | None) -> timedelta | None:
    """The time span of an option: whole seconds, minutes, hours or days."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no duration: write 90d, 12h, 30m or 45s.")
    span = int(match[1]) * _UNITS[match[2]]
    if span > _LONGEST:
        raise click.BadParameter(f"{_LONGEST.days}d at most.")
    return span


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke the API keys of the project."""


@keys.command()
@click.option("--id", "id_", required=True, help="Whom the key identifies: partner-1.")
@click.option("--role", "roles", multiple=True, help="A role that the caller has; repeatable.")
@click.option("--scope", "scopes", multiple=True, help="A scope that the caller has; repeatable.")
@click.option(
    "--claim",
    "claims",
    metavar="NAME=TEXT",
    multiple=True,
    help="A claim of the caller; repeatable. NAME:=JSON for what is no text.",
)
@click.option(
    "--expires",
    metavar="DURATION",
    callback=_duration,
    help="When it ends: 90d, 12h. Without it, never.",
)
@project_option
def add(
    id_: str,
    roles: tuple[str, ...],
    scopes: tuple[str, ...],
    claims: tuple[str, ...],
    expires: timedelta | None,
    project: Path,
) -> None:
    """Make a key, and print it: nothing can show it again."""
    opened = _Opened(project)
    found = _claims(claims)
    _check_claims(found, opened.identity)
    key, now = new_key(secrets.token_bytes), utc(time.time())

    def change(table: KeyTable) -> KeyTable:
        return add_key(
            table, id_, digest_of(key),
            roles=roles, scopes=scopes, claims=found, life=expires, now=now,
        )  # fmt: skip

    opened.update("key added", id_, change)
    click.echo(key)
    end = "It never expires." if expires is None else f"It expires at {_time(now + expires)}."
    click.echo(
        f"This key is shown this once. Callers send it as {opened.plan.header}. {end}", err=True
    )


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the claims.")
@project_option
def list_(*, as_json: bool, project: Path) -> None:
    """Print what is known of each key; no key, and no hash of one."""
    opened = _Opened(project)
    now = utc(time.time())
    records = opened.read().keys
    if as_json:
        click.echo(json.dumps([_facts(each, now) for each in records], indent=2))
        return
    rows: list[Sequence[str]] = [_COLUMNS, *(_row(each, now) for each in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@keys.command()
@click.argument("id_", metavar="ID")
@project_option
def revoke(id_: str, project: Path) -> None:
    """End a key for good: within a second no worker takes it."""
    opened = _Opened(project)
    now = utc(time.time())
    opened.update("key revoked", id_, lambda table: revoke_key(table, id_, now))
    click.echo(f"{id_} is revoked.", err=True)


@keys.command()
@click.argument("id_", metavar="ID")
@click.option(
    "--grace",
    metavar="DURATION",
    callback=_duration,
    default="24h",
    show_default=True,
    help="For how long the key before is good still; 0s ends it now.",
)
@click.option(
    "--expires",
    metavar="DURATION",
    callback=_duration,
    help="When the new one ends. Without it, it lives as long as the one before was to.",
)
@project_option
def rotate(id_: str, grace: timedelta, expires: timedelta | None, project: Path) -> None:
    """Make a caller's next key, and print it. The one before ends after the grace."""
    opened = _Opened(project)
    key, now = new_key(secrets.token_bytes), utc(time.time())
    made: list[KeyTable] = []

    def change(table: KeyTable) -> KeyTable:
        made.append(rotate_key(table, id_, digest_of(key), grace=grace, life=expires, now=now))
        return made[-1]

    opened.update("key rotated", id_, change)
    click.echo(key)
    record = made[-1].find(id_)
    if record is not None:
        before, newest = record.secrets[0], record.newest
        end = "never expires" if newest.expires is None else f"expires at {_time(newest.expires)}"
        old = f"The one before ends at {_time(before.expires or now)}."
        click.echo(f"This key is shown this once, and {end}. {old}", err=True)


class _Opened:
    """The keys of a project. Ends the command where the project has none."""

    def __init__(self, project: Path) -> None:
        try:
            settings = load_settings(os.environ)
        except SettingsError as error:
            raise click.ClickException(str(error)) from None
        compiled = compile_or_exit(project, Environment(os.environ, settings.secrets_dir))
        self.identity = compiled.identity
        if compiled.identity.api_keys is None:
            raise click.ClickException(
                "the project has no API keys. Write `identity: {api_keys: {file: keys.json}}` in"
                " gateway.yaml."
            )
        self.plan: ApiKeysPlan = compiled.identity.api_keys
        self._redis_url = settings.redis_url

    def read(self) -> KeyTable:
        """The keys. Ends the command where they can't be read."""

        async def read(store: KeyStore) -> KeyTable:
            found = await store.read()
            return read_table(None if found is None else found.text, store.name)

        return self._run(read)

    def update(self, action: "AuditAction", id_: str, change: Change) -> None:
        """Change the keys, and report it. Ends the command where they can't be changed."""
        try:
            self._run(lambda store: store.update(change))
        except click.ClickException:
            audit_command(action, "failed", {"bff.key": id_})
            raise
        audit_command(action, "done", {"bff.key": id_})

    def _run(self, work: Callable[[KeyStore], Awaitable[T]]) -> T:
        try:
            return asyncio.run(self._with_store(work))
        except (ApiKeyError, SettingsError) as error:
            raise click.ClickException(str(error)) from None
        except StoreDown as error:
            raise click.ClickException(f"Redis did not answer: {error}") from None

    async def _with_store(self, work: Callable[[KeyStore], Awaitable[T]]) -> T:
        match self.plan.store:
            case KeyFile(path):
                return await work(FileStore(path))
            case SharedKeys(namespace):
                if self._redis_url is None:
                    raise SettingsError(NO_REDIS)
                refuse_bad_url(self._redis_url)
                shared = SharedStore(self._redis_url, use="API keys", seconds=_REDIS_SECONDS)
                try:
                    return await work(RedisStore(shared, namespace, secrets.token_bytes))
                finally:
                    await shared.close()
            case _:
                assert_never(self.plan.store)


def _claims(texts: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        match = _CLAIM.fullmatch(text)
        if match is None:
            raise click.BadParameter(f"{text!r} is no NAME=TEXT and no NAME:=JSON.")
        name, form, value = match.groups()
        if name in found:
            raise click.BadParameter(f"the claim {name!r} stands twice.")
        try:
            found[name] = value if form == "=" else json.loads(value)
        except (ValueError, RecursionError):
            raise click.BadParameter(
                f"the claim {name!r} is no JSON; NAME=TEXT is a text."
            ) from None
    return found


def _check_claims(claims: dict[str, Any], identity: "IdentityPlan") -> None:
    """A caller whose claims are of another type than the project declares would be refused."""
    schema = identity.claims
    if schema is None:
        return
    try:
        schema.validate_value(claims)
    except ValueError as error:
        raise click.ClickException(
            f"the claims are none of {schema.name}, so the gateway would refuse the key: {error}."
            " Give them by --claim NAME=TEXT, or NAME:=JSON."
        ) from None


def _facts(record: KeyRecord, now: datetime) -> dict[str, Any]:
    newest = record.newest
    good = record.good_secrets(now)
    return {
        "id": record.id,
        "roles": record.roles,
        "scopes": record.scopes,
        "claims": record.claims,
        "created": _time(newest.created),
        "expires": None if newest.expires is None else _time(newest.expires),
        "state": "revoked" if record.revoked else "good" if good else "expired",
        "revoked": None if record.revoked is None else _time(record.revoked),
        "before_ends": _time(good[0].expires) if len(good) > 1 and good[0].expires else None,
    }


def _row(record: KeyRecord, now: datetime) -> Sequence[str]:
    facts = _facts(record, now)
    state = facts["state"]
    if facts["before_ends"]:
        state = f"{state}, and so is the one before until {facts['before_ends']}"
    elif facts["revoked"]:
        state = f"{state} at {facts['revoked']}"
    listed = (", ".join(facts[name]) for name in ("roles", "scopes"))
    return (facts["id"], *listed, facts["created"], facts["expires"] or "never", state)


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
