"""What the workers hold over time, and whether it grows. Pure, but for the reading.

A sample is taken every few seconds under load, and at rest: when nobody has asked for anything for
a while. What is the same at two moments of rest, with all the load between them, does not grow.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker held, so many seconds after the beginning. -1 where it was not asked for."""

    seconds: float
    process: int
    rss_megabytes: float
    files: int
    tasks: int = -1
    threads: int = -1
    objects: int = -1


# By how much each may be more at the end: a share of what it was, and a number besides.
ALLOWED: Mapping[str, tuple[float, float]] = {
    "rss_megabytes": (0.05, 4.0),
    "files": (0.0, 6.0),
    "tasks": (0.0, 2.0),
    "threads": (0.0, 4.0),
    "objects": (0.02, 2_000.0),
}


def read_sample(process: int, seconds: float, counts: Mapping[str, int]) -> Sample | None:
    """A worker's sample now; None where it has ended. `counts` is what it reports itself."""
    folder = Path(f"/proc/{process}")
    with suppress(OSError):
        pages = int((folder / "statm").read_text().split()[1])
        return Sample(
            round(seconds, 1),
            process,
            round(pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE, 2),
            len(list((folder / "fd").iterdir())),
            counts.get("tasks", -1),
            counts.get("threads", -1),
            counts.get("objects", -1),
        )
    return None


def find_growth(before: Sequence[Sample], after: Sequence[Sample]) -> list[str]:
    """What grew between two moments of rest, a line for each; a worker is compared with itself."""
    lines = []
    known = {each.process: each for each in before}
    for sample in after:
        if sample.process not in known:
            lines.append(f"worker {sample.process} was not there before: another one has died")
            continue
        for name, (share, number) in ALLOWED.items():
            was, now = getattr(known[sample.process], name), getattr(sample, name)
            if now > was * (1 + share) + number:
                lines.append(f"worker {sample.process}: {name} {was:g} -> {now:g}")
    return lines


def find_slope(samples: Sequence[Sample]) -> list[str]:
    """What of memory grew under load, a line for each worker: from the second quarter of these
    samples to the last one."""
    lines = []
    for process in sorted({each.process for each in samples}):
        sizes = [each.rss_megabytes for each in samples if each.process == process]
        quarter = len(sizes) // 4
        if quarter < 2:
            continue
        was, now = median(sizes[quarter : 2 * quarter]), median(sizes[-quarter:])
        share, number = ALLOWED["rss_megabytes"]
        if now > was * (1 + share) + number:
            lines.append(f"worker {process}: under load {was:g} -> {now:g} MB")
    return lines
