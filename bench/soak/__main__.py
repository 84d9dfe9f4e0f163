"""`python -m bench.soak`: a soak, its record and its picture in `bench/results/`.

Ends with 1 when anything grew, was late or was wrong, or something did not start.
"""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.arguments import positive
from bench.machine import share_cores
from bench.processes import StartFailed
from bench.soak.picture import draw
from bench.soak.run import Outcome, Soak
from bench.soak.stage import open_stage

_RESULTS = Path(__file__).parent.parent / "results"
_PART = "part.soak"  # the record of a run that isn't one to keep
_KEPT_MINUTES = 20


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    console = Console()

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    try:
        with open_stage(share_cores(os.sched_getaffinity(0)), asked.workers) as stage:
            soak = Soak(stage, asked.minutes * 60, asked.rate, asked.seed, tell)
            outcome = asyncio.run(soak.run())
    except StartFailed as error:
        console.print(str(error), style="red", markup=False)
        return 1
    _show(console, outcome)
    record = {name: getattr(asked, name) for name in ("minutes", "rate", "workers", "seed")}
    record |= {name: getattr(outcome, name) for name in Outcome.__slots__}
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{asked.name}.json").write_text(json.dumps(record, default=asdict) + "\n")
    (_RESULTS / f"{asked.name}.svg").write_text(draw(outcome))
    tell(f"Written: bench/results/{asked.name}.json and .svg")
    return 1 if outcome.trouble else 0


def _show(console: Console, outcome: Outcome) -> None:
    for name, count in outcome.done.most_common():
        console.print(f"{name:16} {count:8,}   slowest {outcome.slowest[name]:.2f} s")
    for what, count in outcome.trouble.most_common():
        console.print(f"{count:,} × {what}", style="red", markup=False, soft_wrap=True)
    if not outcome.trouble:
        console.print("Nothing grew, nothing was late, nothing was wrong.", style="green")


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="Minutes of mixed load with faults."
    )
    parser.add_argument("--minutes", type=positive, default=_KEPT_MINUTES, help="default: 20")
    parser.add_argument("--rate", type=positive, default=100, help="acts a second; default: 100")
    parser.add_argument("--workers", type=positive, default=2, help="default: 2")
    parser.add_argument("--seed", type=int, default=1, help="of what callers do; default: 1")
    parser.add_argument("--name", help=f"of the record; default: soak-DATE, or {_PART} if short")
    asked = parser.parse_args()
    if asked.name is None:
        is_short = asked.minutes < _KEPT_MINUTES
        asked.name = _PART if is_short else f"soak-{datetime.now(UTC):%Y-%m-%d}"
    return asked


if __name__ == "__main__":
    sys.exit(main())
