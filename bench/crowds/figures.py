"""From answers to figures and verdicts. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.crowds.client import Answer
from bench.memory import MEGABYTE

CALLS_A_STEP = 1  # of a screen that many ask for at once

How = Literal["miss", "collapsed", "hit", "uncached", "something else"]


@dataclass(frozen=True, slots=True)
class Latencies:
    """In milliseconds, from sending a request to having all of its reply."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class ColdScreen:
    """What a crowd got that asked for one screen at once, and the calls that each step cost."""

    latencies: Latencies
    calls: dict[str, int]
    how: dict[str, int]

    @property
    def is_met(self) -> bool:
        """Whether each step was called just once."""
        return all(count == CALLS_A_STEP for count in self.calls.values())


@dataclass(frozen=True, slots=True)
class Memory:
    """The most that was resident, in bytes; and what of the worker is once the crowds have gone.
    The Redis that the launcher starts is apart: none of these screens is stored."""

    launcher: int
    worker: int
    worker_after: int

    @property
    def megabytes(self) -> float:
        """The peaks of both processes together."""
        return (self.launcher + self.worker) / MEGABYTE


@dataclass(frozen=True, slots=True)
class FloodKind:
    """Clients that ask for a screen each, at once; every screen makes the calls of `steps`."""

    clients: int
    steps: tuple[str, ...]
    upstream_seconds: float
    most_megabytes: int


@dataclass(frozen=True, slots=True)
class Flood:
    """What such crowds got: latencies beyond the upstream's own, of each crowd; the gateway's
    memory at its peak; and the most calls that were under way at once."""

    kind: FloodKind
    added: list[Latencies]
    memory: Memory
    calls_at_once: int
    wrong: Counter[str]

    @property
    def is_met(self) -> bool:
        """Whether there was no error, and the memory stayed within its bound."""
        return not self.wrong and self.memory.megabytes <= self.kind.most_megabytes


@dataclass(frozen=True, slots=True)
class ColdKind:
    """Clients that ask for one screen at once, which nobody has asked for before."""

    clients: int
    workers: int
    upstream_seconds: float


@dataclass(frozen=True, slots=True)
class Cold:
    """What such crowds got, one for each screen."""

    kind: ColdKind
    screens: list[ColdScreen]
    wrong: Counter[str]

    @property
    def is_met(self) -> bool:
        """Whether no answer was wrong, and each step of each screen was called just once."""
        return not self.wrong and all(screen.is_met for screen in self.screens)


@dataclass(frozen=True, slots=True)
class CrowdResults:
    """What all crowds of a run got."""

    cold: Cold
    floods: list[Flood]

    @property
    def are_wrong(self) -> bool:
        """Whether an answer was wrong, or a step called twice. Memory is judged apart."""
        return not self.cold.is_met or any(flood.wrong for flood in self.floods)


def latencies(answers: Sequence[Answer], less_seconds: float = 0.0) -> Latencies:
    """Of these answers; `less_seconds` are nobody's fault and are taken off."""
    ordered = sorted(answer.seconds - less_seconds for answer in answers)
    last = len(ordered) - 1
    p50, p99, most = (ordered[round(last * share)] * 1000 for share in (0.5, 0.99, 1.0))
    return Latencies(p50, p99, most)


def count_wrong(answers: Sequence[Answer], expected: Callable[[str], Any]) -> Counter[str]:
    """What was wrong, with how many answers it was so; `expected` gives a path's payload."""
    return Counter(what for answer in answers if (what := _wrong(answer, expected)))


def _wrong(answer: Answer, expected: Callable[[str], Any]) -> str:
    if answer.trouble:
        return answer.trouble
    if answer.status != 200:
        return f"status {answer.status}: {_detail(answer)}"
    try:
        value = json.loads(answer.body)
    except ValueError:
        return "a body that is no JSON"
    return "" if value == expected(answer.path) else "another screen's values, or none"


def _detail(answer: Answer) -> str:
    reason = (answer.headers or {}).get("proxy-status") or answer.body.decode(errors="replace")
    return reason[:200]


def count_how(answers: Sequence[Answer]) -> dict[str, int]:
    """What the replies say of the cache, RFC 9211, by how many."""
    return dict(Counter(_how(answer.headers or {}) for answer in answers))


def _how(headers: Mapping[str, str]) -> How:
    cache, *members = (each.strip() for each in headers.get("cache-status", "").split(";"))
    if cache != "bff":
        return "something else"
    if "collapsed" in members:
        return "collapsed"
    if "fwd=miss" in members:
        return "miss"
    if "fwd=bypass" in members:
        return "uncached"
    return "hit" if "hit" in members else "something else"
