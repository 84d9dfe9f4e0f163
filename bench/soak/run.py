"""The minutes themselves: callers, what happens to the gateway meanwhile, and samples.

begin   load
10 %    SIGHUP
25 %    rest
40 %    Redis restarts
55 %    Redis hangs for a while
70 %    Redis restarts
80 %    a gigabyte each way
end     rest
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from bench.soak.callers import Caller, Written, Wrong
from bench.soak.giant import pass_giants
from bench.soak.kinds import KINDS, Kind
from bench.soak.line import Broken, Late, Line
from bench.soak.stage import Stage
from bench.soak.watch import Sample, find_growth, find_slope, read_sample

_CALLERS: Final = 24
_LATE_SECONDS: Final = 5.0  # of any kind but one that takes its time; a deadline is 1.5 s
_SLOW_SECONDS: Final = 2.0  # worth a line in the record
_TELL_SECONDS: Final = 10.0
_SAMPLE_SECONDS: Final = 2.0
_REST_SECONDS: Final = 12.0  # longer than idle connections to services are kept
_MOST_MESSAGES: Final = 100
_PAUSE_SECONDS: Final = 2.0
_GIANT_BYTES: Final = 1_000_000_000
_GIANT_BYTES_PER_SECOND: Final = 1_000_000  # of the soak: a short one has smaller giants


@dataclass(slots=True)
class Outcome:
    """What came of a soak."""

    done: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    slow: list[tuple[float, str, float]] = field(default_factory=list)
    trouble: Counter[str] = field(default_factory=Counter)
    events: list[tuple[float, str]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    rests: list[list[Sample]] = field(default_factory=list)

    def note_trouble(self, what: str) -> None:
        """Something was wrong; of many different things, the first are kept apart."""
        if what not in self.trouble and len(self.trouble) >= _MOST_MESSAGES:
            what = "more of other kinds"
        self.trouble[what] += 1


class Soak:
    """A soak of so many seconds, at so many requests a second. `tell` gets lines for people."""

    def __init__(
        self, stage: Stage, seconds: float, rate: float, seed: int, tell: Callable[[str], None]
    ) -> None:
        self.outcome = Outcome()
        self._stage = stage
        self._seconds = seconds
        self._pause_seconds = _CALLERS / rate
        self._random = Random(seed)
        self._tell = tell
        self._written = Written()
        self._began_at = 0.0
        self._goes_on = False

    async def run(self) -> Outcome:
        """All of it."""
        self._began_at = time.monotonic()
        happenings = [
            (0.10, "workers restart", self._restart_workers),
            (0.25, "rest", self._rest),
            (0.40, "Redis restarts", self._restart_redis),
            (0.55, "Redis hangs", self._pause_redis),
            (0.70, "Redis restarts", self._restart_redis),
            (0.80, "giants pass", self._pass_giants),
            (1.00, "rest", self._rest),
        ]
        watching = asyncio.create_task(self._watch())
        callers = self._start_callers()
        for share, what, happen in happenings:
            await asyncio.sleep(self._began_at + share * self._seconds - time.monotonic())
            self.outcome.events.append((round(self._elapsed, 1), what))
            self._tell(f"{self._elapsed:5.0f} s  {what}")
            if what != "rest":
                await happen()
                continue
            await self._stop_callers(callers)
            await happen()
            callers = [] if share == 1.0 else self._start_callers()
        watching.cancel()
        await self._judge()
        return self.outcome

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began_at

    def _start_callers(self) -> list[asyncio.Task[None]]:
        self._goes_on = True
        seeds = [self._random.randrange(1 << 32) for _ in range(_CALLERS)]
        return [asyncio.create_task(self._call(Random(seed))) for seed in seeds]

    async def _stop_callers(self, callers: list[asyncio.Task[None]]) -> None:
        self._goes_on = False
        await asyncio.gather(*callers)

    async def _call(self, random: Random) -> None:
        caller = Caller(self._stage.port, random, self._written, Line(self._stage.port))
        kinds, weights = list(KINDS), list(KINDS.values())
        while self._goes_on:
            (kind,) = random.choices(kinds, weights)
            began_at = time.monotonic()
            await self._once(kind, caller)
            await asyncio.sleep(
                random.expovariate(1 / self._pause_seconds) - (time.monotonic() - began_at)
            )
        caller.line.close()

    async def _once(self, kind: Kind, caller: Caller) -> None:
        name, outcome, began_at = kind.__name__, self.outcome, time.monotonic()
        try:
            await kind(caller)
        except Wrong as error:
            outcome.note_trouble(f"{name}: {error}")
        except Broken as error:
            outcome.note_trouble(f"{name}: the connection broke: {error}")
        except Late:
            outcome.note_trouble(f"{name}: late: nothing came")
        except Exception as error:  # of the soak's own reading
            outcome.note_trouble(f"{name}: {error!r}")
        else:
            outcome.done[name] += 1
            seconds = time.monotonic() - began_at
            outcome.slowest[name] = max(outcome.slowest.get(name, 0.0), round(seconds, 2))
            if seconds > _SLOW_SECONDS and len(outcome.slow) < _MOST_MESSAGES:
                outcome.slow.append((round(self._elapsed, 1), name, round(seconds, 2)))
            if seconds > _LATE_SECONDS:
                outcome.note_trouble(f"{name}: late")
            return
        caller.line.reset()

    async def _watch(self) -> None:
        told_at, told_troubles = 0.0, 0
        while True:
            self.outcome.samples += await asyncio.to_thread(self._stage.sample, self._elapsed)
            for line in self._stage.new_errors():
                self.outcome.note_trouble(f"the log: {line}")
            for what in list(self.outcome.trouble)[told_troubles:]:
                self._tell(f"       {what}")
            told_troubles = len(self.outcome.trouble)
            if self._elapsed - told_at >= _TELL_SECONDS:
                told_at = self._elapsed
                self._tell(self._describe())
            await asyncio.sleep(_SAMPLE_SECONDS)

    def _describe(self) -> str:
        newest = {each.process: each for each in self.outcome.samples[-8:]}.values()
        held = "; ".join(
            f"{each.rss_megabytes:.1f} MB, {each.files} files, {each.tasks} tasks"
            for each in newest
            if each.seconds > self._elapsed - 2 * _TELL_SECONDS
        )
        done, wrong = self.outcome.done.total(), self.outcome.trouble.total()
        return f"{self._elapsed:5.0f} s  {done:,} done, {wrong} wrong; {held}"

    async def _restart_workers(self) -> None:
        self._stage.restart_workers()

    async def _restart_redis(self) -> None:
        await asyncio.to_thread(self._stage.redis.stop)
        await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.to_thread(self._stage.redis.start)

    async def _pause_redis(self) -> None:
        self._stage.redis.pause()
        await asyncio.sleep(_PAUSE_SECONDS)
        self._stage.redis.resume()

    async def _pass_giants(self) -> None:
        def read_megabytes() -> float:
            samples = (read_sample(each, 0.0, {}) for each in self._stage.workers())
            return max(each.rss_megabytes for each in samples if each is not None)

        count = min(_GIANT_BYTES, int(_GIANT_BYTES_PER_SECOND * self._seconds))
        try:
            await pass_giants(self._stage.port, count, read_megabytes)
        except (Wrong, Broken, Late) as error:
            self.outcome.note_trouble(f"giant: {error!r}")

    async def _rest(self) -> None:
        await asyncio.sleep(_REST_SECONDS)
        rest = await asyncio.to_thread(self._stage.sample, self._elapsed, objects=True)
        self.outcome.rests.append(rest)

    async def _judge(self) -> None:
        outcome = self.outcome
        first, last = outcome.rests
        begin = max((each.seconds for each in first), default=0.0)
        under_load = [each for each in outcome.samples if each.seconds > begin]
        for line in (*find_growth(first, last), *find_slope(under_load)):
            outcome.note_trouble(f"grows: {line}")
        for what, count in (await asyncio.to_thread(self._stage.malformed)).items():
            for _ in range(count):
                outcome.note_trouble(f"the upstream could not read: {what}")
