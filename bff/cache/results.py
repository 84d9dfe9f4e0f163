"""What a cache is asked for, what making it came to, and what is served of it. Values only."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from bff.cache.entries import Entry
from bff.deadline import Deadline, WaitBudget
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.plan.model.caching import CachePolicy
from bff.plan.model.payload import PLAIN, Head


class RunResult(NamedTuple):
    """What a run came to. `outcome` is the caller's own; `head` is the one that the body goes out
    with.

    `body` is None where nothing can be stored; `untagged` is then the reason, where tags are.
    `failed` means that an older value is better than this one, and `flaw` is what was papered over
    in it. `failure` is the outcome as an older entry holds it for a second:
    `bff.cache.entries.FAILURE_BYTES` at most.
    """

    outcome: Any
    body: bytes | None = None
    views: Mapping[str, bytes] = {}
    tags: frozenset[str] = frozenset()
    freshness: Freshness = UNLIMITED
    failed: bool = False
    flaw: Any = None
    failure: Any = None
    untagged: str = ""
    head: Head = PLAIN


Run = Callable[[Deadline], Awaitable[RunResult]]


@dataclass(frozen=True, slots=True)
class Job:
    """How to make a key's value, and for how long it is good. `run` is called at most once in a
    flight, with the first caller's context; `deadline` bounds all waiting for it; `patience` bounds
    the waiting for the store; `name` is for the log. `refresh` makes it in the background, where
    that is another work than `run`; `maker` is whom those who share the result wait for."""

    name: str
    key: str
    policy: CachePolicy
    run: Run
    deadline: Deadline
    patience: WaitBudget = field(default_factory=WaitBudget)
    refresh: Run | None = None
    maker: Any = None


@dataclass(frozen=True, slots=True)
class CacheResult:
    """What a caller gets: an `entry`, an `outcome` of a run, or both.

    `how`: "hit" and "stale" (nothing was run for it), "miss" (its own run), "collapsed" (another
    caller's, or another worker's), "error" (a run failed, and the entry is what is left). `stored`
    reports that the run's value was stored, `failed` that it failed or is degraded; `maker` is that
    of the job whose run was shared.
    """

    entry: Entry | None
    outcome: Any
    how: Literal["hit", "stale", "miss", "collapsed", "error"]
    stored: bool = False
    maker: Any = None
    failed: bool = False


class CacheSize(NamedTuple):
    """The entries of a cache in memory, whether it receives the purges of others (None where no
    other process makes any), and how many purges its store has yet to make."""

    entries: int
    bytes: int
    hears_purges: bool | None
    purges_owed: int
