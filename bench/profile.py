"""`python -m bench.profile ROW`: where the time of one of the gateway's rows goes.

Two views of the same load: each thread's CPU from /proc (the server's and the HTTP client's Rust
threads are in it), and py-spy's samples of the Python thread, by function. A function's own time
holds that of the compiled code that it calls, pydantic's for example.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.load import LoadFigures, put_load
from bench.machine import find_programs, share_cores
from bench.processes import thread_seconds
from bench.rows import ROWS
from bench.stage import open_stage

_PY_SPY = Path(sys.executable).parent / "py-spy"
_SAMPLES_PER_SECOND = 400
_LOAD_STARTS_SECONDS = 1
_SHOWN = 45


def main() -> None:
    """Profile the row that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("row", choices=[row.key for row in ROWS if row.server != "reference"])
    parser.add_argument("--seconds", type=int, default=8)
    asked = parser.parse_args()
    programs = find_programs()
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)
    row = next(row for row in ROWS if row.key == asked.row)
    with open_stage(programs, cores) as stage, TemporaryDirectory() as folder:
        server = stage.servers[row.server]
        url, wrk = stage.url(row), programs["wrk"]
        put_load(wrk, url, _LOAD_STARTS_SECONDS, row.expectation)
        worker = server.busiest()
        before = thread_seconds(worker)
        load = put_load(wrk, url, asked.seconds, row.expectation)
        threads = Counter(thread_seconds(worker))
        threads.subtract(before)
        file = Path(folder) / "samples"
        options = ["--format", "raw", "--rate", str(_SAMPLES_PER_SECOND), "--output", str(file)]
        options += ["--duration", str(asked.seconds), "--pid", str(worker)]
        spy = subprocess.Popen(
            [_PY_SPY, "record", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        put_load(wrk, url, asked.seconds + _LOAD_STARTS_SECONDS, row.expectation)
        _, said = spy.communicate()
        if spy.returncode:
            raise SystemExit(said.decode())
        _show(row.key, load, threads, file.read_text())


def _show(row: str, load: LoadFigures, threads: Counter[str], samples: str) -> None:
    console = Console(width=max(Console().width, 120))
    console.print(f"{row}: {load.requests_per_second:,.0f} requests/s, p50 {load.p50_ms} ms")
    for name, seconds in threads.most_common():
        if seconds > 0:
            console.print(f"  {seconds / load.requests * 1e6:7.1f} µs a request in thread {name}")
    own, within, total = count_samples(samples)
    table = Table(title="py-spy: share of the Python threads' samples", title_justify="left")
    table.add_column("own", justify="right")
    table.add_column("with calls", justify="right")
    table.add_column("function")
    for function, count in within.most_common(_SHOWN):
        table.add_row(f"{own[function] / total:.1%}", f"{count / total:.1%}", function)
    console.print(table)


def count_samples(raw: str) -> tuple[Counter[str], Counter[str], int]:
    """Samples by function: own, and with all that it calls; and how many there are in all."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    total = 0
    for line in raw.splitlines():
        stack, _, number = line.rpartition(" ")
        count = int(number)
        functions = [_function(frame) for frame in stack.split(";") if "(" in frame]
        if not functions:
            continue
        total += count
        own[functions[-1]] += count
        for function in set(functions):
            within[function] += count
    return own, within, total


def _function(frame: str) -> str:
    """`name (file.py)`, without the line."""
    name, _, place = frame.rpartition(" (")
    file = place.rstrip(")").rpartition(":")[0].rpartition("site-packages/")[2]
    return f"{name} ({file})"


if __name__ == "__main__":
    main()
