"""`python -m bench`: one run, its tables, and its record in `bench/results/`.

Ends with 1 when a row answered wrong values or something did not start, and with 2 when programs
are missing; a missed target is told, and is no error.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.figures import Ratio, RowFigures, ratios, row_figures
from bench.load import WrongValue
from bench.machine import Cores, MissingPrograms, describe, find_programs, share_cores
from bench.picture import draw
from bench.processes import StartFailed
from bench.report import show
from bench.rounds import Round, count_loads, run_rounds
from bench.stage import open_stage

_RESULTS = Path(__file__).parent / "results"
_WIDTH = 132  # of the tables, where the terminal's is less or unknown


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    told = Console(stderr=True)
    try:
        programs = find_programs()
    except MissingPrograms as error:
        told.print(str(error), style="red", markup=False)
        return 2
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)  # wrk is started from here, and stays here
    machine = describe(programs, cores)
    try:
        rounds, machine["cache"] = _run(asked, programs, cores, told)
    except (WrongValue, StartFailed) as error:
        told.print(str(error), style="red", markup=False)
        return 1
    figures, compared = row_figures(rounds), ratios(rounds)
    show(Console(width=max(Console().width, _WIDTH)), machine, figures, compared)
    record = {
        "machine": machine,
        "rounds": len(rounds),
        "seconds": asked.seconds,
        "rows": {each.row.key: _record(each) for each in figures},
        "ratios": [_told(each) for each in compared],
        "samples": [{key: asdict(each) for key, each in one.items()} for one in rounds],
    }
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{asked.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (_RESULTS / f"{asked.name}.svg").write_text(draw(figures, compared))
    told.print(f"Written: bench/results/{asked.name}.json and .svg", style="dim")
    return 0


def _run(
    asked: argparse.Namespace, programs: dict[str, str], cores: Cores, told: Console
) -> tuple[list[Round], str]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=told, transient=True) as progress:
        task = progress.add_task("starting servers", total=count_loads(asked.rounds) + 1)

        def tell(what: str) -> None:
            if told.is_terminal:
                progress.update(task, description=what, advance=1)
            else:
                told.print(what, markup=False, highlight=False)

        with open_stage(programs, cores) as stage:
            rounds = run_rounds(
                stage, programs["wrk"], rounds=asked.rounds, seconds=asked.seconds, tell=tell
            )
            return rounds, stage.cache


def _record(each: RowFigures) -> dict[str, object]:
    record = asdict(each)
    del record["row"]
    return {"group": each.row.group, "title": each.row.title, **record}


def _told(each: Ratio) -> dict[str, object]:
    return {**asdict(each.comparison), "times": asdict(each.times), "met": each.met}


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside what one would write by hand."
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="default: 5")
    parser.add_argument("--seconds", type=_positive, default=3, help="of each load; default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="one round of a second: does it work at all?"
    )
    parser.add_argument(
        "--name", default=f"{datetime.now(UTC):%Y-%m-%d}", help="of the record; default: today"
    )
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds = asked.seconds = 1
    return asked


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
