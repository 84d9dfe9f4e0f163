"""Callers, and what they hold against what comes back.

An item has its own id and name, and its version is no older than what the last write answered a
moment ago, whatever is cached where.
"""

import json
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.soak.line import Line, Reply
from bench.soak.upstream import PIECE

TOKEN = "soak-soak-soak-soak"
_IDS = 60  # few, so that what is kept of each is soon there
_PURGED_SECONDS = 1.5  # after a write, nobody reads what was before; a busy machine takes its time


class Wrong(Exception):
    """A reply that is not what it must be."""


@dataclass(slots=True)
class Written:
    """What writes have answered: by id the versions with their times, oldest first."""

    versions: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def note(self, key: int, version: int) -> None:
        """A write has answered this version now."""
        self.versions.setdefault(key, []).append((time.monotonic(), version))
        del self.versions[key][:-50]

    def least(self, key: int, asked_at: float) -> int:
        """The oldest version that a request which was sent then may get."""
        due = [
            version for at, version in self.versions.get(key, ()) if at + _PURGED_SECONDS < asked_at
        ]
        return max(due, default=0)


@dataclass(slots=True)
class Caller:
    """One caller, with a connection of its own."""

    port: int
    random: Random
    written: Written
    line: Line

    def key(self) -> int:
        """Any item's id."""
        return self.random.randrange(_IDS)

    def check_item(self, value: Any, key: int, asked_at: float) -> None:
        """Raises `Wrong` where this is not the item, or an older one than was written."""
        if not isinstance(value, dict) or set(value) != {"id", "name", "version"}:
            raise Wrong(f"no item: {value!r}")
        if (value["id"], value["name"]) != (key, f"item-{key}"):
            raise Wrong(f"another item than {key}: {value!r}")
        if value["version"] < self.written.least(key, asked_at):
            raise Wrong(f"an item from before a write: {value!r}")


def payload_of(reply: Reply) -> Any:
    if reply.status != 200:
        raise wrong(reply, "where 200 is due")
    try:
        return json.loads(reply.body)
    except ValueError:
        raise wrong(reply, "without JSON") from None


def wrong(reply: Reply, what: str) -> Wrong:
    return Wrong(
        f"{reply.status} {what}: {reply.headers.get('proxy-status', '')} {reply.body[:200]!r}"
    )


def head_of(line: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: soak", *lines, b"", b""])


def pattern(count: int) -> bytes:
    return (PIECE * (count // len(PIECE) + 1))[:count]
