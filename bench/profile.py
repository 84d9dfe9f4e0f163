"""`python -m bench.profile ROW`: where the time of one of the gateway's rows goes.

Two views of the same load: each thread's CPU from /proc, and py-spy's samples of whatever thread
holds the GIL, by function. A function's own time holds that of the compiled code that it calls,
pydantic's for example.

py-spy doesn't pause the worker: paused, it stops oftenest at system calls, which then seem to cost
four times what they do. The price is stacks that are torn now and then, so that what is reported
"with calls" is rather too little.
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
from bench.provision import Peers
from bench.rows import ROWS
from bench.stage import open_stage

_PY_SPY = Path(sys.executable).parent / "py-spy"
_SAMPLES_PER_SECOND = 400
_LOAD_STARTS_SECONDS = 4  # and by then the worker has used more than the launcher
_LAST_WORDS_SECONDS = 10
_SHOWN = 60
_IN_PYTHON = ("gateway", "gateway-watched", "by-hand", "by-hand-few")
# The last frame of what starts a worker. A line number follows.
_SERVER_FRAME = "run (asyncio/runners.py"


def main() -> None:
    """Profile the row that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("row", choices=[row.key for row in ROWS if row.server in _IN_PYTHON])
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--raw", type=Path, help="keep py-spy's samples, with lines, in this file")
    asked = parser.parse_args()
    programs = find_programs()
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)
    row = next(row for row in ROWS if row.key == asked.row)
    with open_stage(programs, cores, Peers(), [row]) as stage, TemporaryDirectory() as folder:
        for unmeasured in stage.unmeasured.values():
            raise SystemExit(unmeasured.reason)
        server = stage.servers[row.server]
        url, wrk = stage.url(row), programs["wrk"]
        put_load(wrk, url, _LOAD_STARTS_SECONDS, row.expectation, row.request)
        worker = server.busiest()
        before = thread_seconds(worker)
        load = put_load(wrk, url, asked.seconds, row.expectation, row.request)
        threads = Counter(thread_seconds(worker))
        threads.subtract(before)
        file = Path(folder) / "samples"
        options = ["--gil", "--nonblocking", "--format", "raw", "--rate", str(_SAMPLES_PER_SECOND)]
        options += ["--output", str(file)]
        options += ["--duration", str(asked.seconds), "--pid", str(worker)]
        spy = subprocess.Popen(
            [_PY_SPY, "record", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            put_load(wrk, url, asked.seconds + _LOAD_STARTS_SECONDS, row.expectation, row.request)
            _, said = spy.communicate(timeout=_LAST_WORDS_SECONDS)
        finally:
            spy.kill()
            spy.wait()
        if spy.returncode:
            raise SystemExit(said.decode())
        samples = file.read_text(errors="replace")  # torn stacks hold bytes that are no text
        if asked.raw:
            asked.raw.write_text(samples)
        _show(row.key, load, threads, samples)


def _show(row: str, load: LoadFigures, threads: Counter[str], samples: str) -> None:
    console = Console(width=max(Console().width, 120))
    console.print(f"{row}: {load.requests_per_second:,.0f} requests/s, p50 {load.p50_ms} ms")
    for name, seconds in threads.most_common():
        if seconds > 0:
            console.print(f"  {seconds / load.requests * 1e6:7.1f} µs a request in thread {name}")
    own, within, total = count_samples(samples)
    table = Table(title="py-spy: shares of the time in which the GIL is held", title_justify="left")
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
        _, _, stack = stack.rpartition(_SERVER_FRAME)
        functions = [_function(frame) for frame in stack.split(";") if "(" in frame]
        if not functions:
            functions = ["the event loop and the server's own code"]
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
