"""`python -m bench.crowds`: both crowds, their tables, and the record in `bench/results/`.

Ends with 1 when an answer is wrong, a step is called twice or something did not start, and with 2
when the machine does not allow as many open files as the crowds need. Memory beyond its bound is
told, and is no error.
"""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from bench.arguments import positive
from bench.crowds.client import ask_at_once
from bench.crowds.figures import ColdScreen, count_how, count_wrong, latencies
from bench.crowds.report import Flood, show_cold, show_flood
from bench.crowds.stage import STEPS, Stage, expected_screen, open_stage, screen_path, step_paths
from bench.machine import Cores, MissingPrograms, describe, find_programs, share_cores
from bench.open_files import TooFewFiles, raise_open_files
from bench.processes import StartFailed

_RESULTS = Path(__file__).parent.parent / "results"
_PART = "part.crowds"  # the record of a run that isn't one to keep
_WIDTH = 120  # of the tables, where the terminal's is less or unknown
_COLD_CLIENTS = 1_000
_COLD_UPSTREAM_SECONDS = 0.2
_COLD_WORKERS = 2
_FLOOD_CLIENTS = 3_000
_FLOOD_UPSTREAM_SECONDS = 1.0
_FLOODS = (STEPS[:1], STEPS)  # the steps of a screen: a call for each client, or three
# Several addresses, so that neither their backlogs nor the ports towards them are the limit.
_FLOOD_HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
_WITHIN_SECONDS = 30.0
_OPEN_FILES = _FLOOD_CLIENTS * 4 + 500  # of the gateway: a client's and three calls' each


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    told = Console(stderr=True)
    try:
        programs = find_programs()  # no crowd needs them, but the record names their versions
        raise_open_files(_OPEN_FILES)
    except (MissingPrograms, TooFewFiles) as error:
        told.print(str(error), style="red", markup=False)
        return 2
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)  # the crowd comes from here
    machine = describe(programs, cores)
    try:
        told.print(f"{_COLD_CLIENTS:,} clients, one screen that nobody has asked for")
        screens, wrong = _run_cold(cores, asked.rounds)
        floods = []
        for steps in _FLOODS:
            told.print(f"{_FLOOD_CLIENTS:,} clients, a screen each, calls for it: {len(steps)}")
            floods.append(_run_flood(cores, asked.rounds, steps))
    except StartFailed as error:
        told.print(str(error), style="red", markup=False)
        return 1
    for flood in floods:
        wrong += flood.wrong
    console = Console(width=max(Console().width, _WIDTH))
    show_cold(console, screens, _COLD_CLIENTS)
    for flood in floods:
        show_flood(console, flood, _FLOOD_CLIENTS)
    for what, count in wrong.most_common():
        console.print(f"Wrong: {count:,} answers: {what}", style="red", markup=False)
    record = {
        "machine": machine,
        "cold": [asdict(screen) | {"is_met": screen.is_met} for screen in screens],
        "floods": [asdict(flood) | {"is_met": flood.memory.is_met} for flood in floods],
        "wrong": wrong,
    }
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{asked.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    told.print(f"Written: bench/results/{asked.name}.json", style="dim")
    return 1 if wrong or not all(screen.is_met for screen in screens) else 0


def _run_cold(cores: Cores, rounds: int) -> tuple[list[ColdScreen], Counter[str]]:
    """As many screens, one after the other, each asked for by a crowd with new connections."""
    screens: list[ColdScreen] = []
    wrong: Counter[str] = Counter()
    with open_stage(
        cores,
        delay_seconds=_COLD_UPSTREAM_SECONDS,
        hosts=("127.0.0.1",),
        workers=_COLD_WORKERS,
        # Workers that share one core would seldom miss at the same moment.
        gateway_cores=cores.tested | cores.others,
        ttl="1h",
    ) as stage:
        for key in range(1, rounds + 1):
            paths = [screen_path(key)] * _COLD_CLIENTS
            answers = asyncio.run(ask_at_once(stage.port, paths, _WITHIN_SECONDS))
            wrong += count_wrong(answers, expected_screen)
            found = stage.upstreams.calls()
            calls = {name: found[path] for name, path in step_paths(key).items()}
            screens.append(ColdScreen(latencies(answers), calls, count_how(answers)))
    return screens, wrong


def _run_flood(cores: Cores, rounds: int, steps: Sequence[str]) -> Flood:
    """A screen of these steps for each client, none of which is kept; the first round opens the
    connections to the upstream as well."""
    with open_stage(
        cores,
        delay_seconds=_FLOOD_UPSTREAM_SECONDS,
        hosts=_FLOOD_HOSTS,
        workers=1,
        gateway_cores=cores.tested,
        ttl="",
        steps=steps,
    ) as stage:
        told, wrong = [], Counter[str]()
        for number in range(rounds):
            keys = range(number * _FLOOD_CLIENTS, (number + 1) * _FLOOD_CLIENTS)
            paths = [screen_path(key) for key in keys]
            answers = asyncio.run(ask_at_once(stage.port, paths, _WITHIN_SECONDS))
            wrong += count_wrong(answers, partial(expected_screen, steps=steps))
            told.append(latencies(answers, less_seconds=_FLOOD_UPSTREAM_SECONDS))
        _tell_calls_that_differ(stage, rounds * _FLOOD_CLIENTS, steps, wrong)
        return Flood(len(steps), told, stage.memory(), stage.upstreams.most_at_once(), wrong)


def _tell_calls_that_differ(
    stage: Stage, screens: int, steps: Sequence[str], wrong: Counter[str]
) -> None:
    """Every screen made its own calls, or the flood was none."""
    calls = stage.upstreams.calls()
    for key in range(screens):
        for path in step_paths(key, steps).values():
            if calls[path] != 1:
                wrong[f"a step called {calls[path]} times"] += 1


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.crowds", description="Many clients at the same moment."
    )
    parser.add_argument(
        "--rounds", type=positive, default=5, help="crowds of each kind; default: 5"
    )
    parser.add_argument("--quick", action="store_true", help="one crowd of each kind")
    parser.add_argument("--name", help=f"of the record; default: crowds-DATE, or {_PART} if quick")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds = 1
    if asked.name is None:
        asked.name = _PART if asked.quick else f"crowds-{datetime.now(UTC):%Y-%m-%d}"
    return asked


if __name__ == "__main__":
    sys.exit(main())
