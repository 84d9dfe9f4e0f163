"""Processes that a run starts: pinned to cores, waited for, measured through /proc, and stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.exchange import Request, open_client

_ROOT = Path(__file__).parent.parent
_START_SECONDS = 20.0
_ANSWER_SECONDS = 5.0
_STOP_SECONDS = 5.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class StartFailed(Exception):
    """A process did not start; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all below it have used: CPU since they began, memory now."""

    cpu_seconds: float
    rss_bytes: int


class Process:
    """A process in a session of its own, so that Ctrl-C reaches the benchmark alone.

    What it writes goes to two files in `folder`, as a server's lines do.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        cores: frozenset[int],
        folder: Path,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._output, self._errors = folder / f"{name}.out", folder / f"{name}.log"
        # A setting meant for the user's own gateway must not bend what is measured.
        inherited = {key: text for key, text in os.environ.items() if not _is_setting(key)}
        # Appending, so that a file that is emptied under the process starts from its beginning.
        with self._output.open("ab") as output, self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                env={**inherited, **(environ or {})},
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    def wait_until_it_answers(self, url: str, request: Request) -> None:
        """Wait for any answer below 500 at `url`. Raises `StartFailed`."""
        ends = time.monotonic() + _START_SECONDS
        with open_client(_ANSWER_SECONDS) as client:
            while time.monotonic() < ends:
                if self._process.poll() is not None:
                    break
                try:
                    if request.send(client, url).status_code < 500:
                        return
                except httpx.TransportError:
                    pass  # not yet
                time.sleep(0.05)
        raise StartFailed(f"{self.name} does not answer at {url}.{self._last_words()}")

    @property
    def pid(self) -> int:
        """Of the process itself; what it has started is below it."""
        return self._process.pid

    def usage(self) -> Usage:
        """CPU and memory of the process and everything below it, at this moment."""
        used = [_usage_of(each) for each in _tree(self._process.pid)]
        return Usage(sum(each.cpu_seconds for each in used), sum(each.rss_bytes for each in used))

    def busiest(self) -> int:
        """The process with the most CPU time, of it and everything below: a server's worker."""
        return max(_tree(self._process.pid), key=lambda each: _usage_of(each).cpu_seconds)

    @property
    def number(self) -> int:
        """The process's own number."""
        return self._process.pid

    def children(self) -> list[int]:
        """The numbers of all processes below it."""
        return list(_tree(self._process.pid))[1:]

    def empty_output(self) -> None:
        """Forget what it wrote to standard output: a long load writes a lot of lines."""
        os.truncate(self._output, 0)

    def first_error_line(self) -> str:
        """What it said first on standard error, which for many programs is no error."""
        return next(iter(self._errors.read_text(errors="replace").splitlines()), "")

    def stop(self) -> None:
        """Ask it to end, and end it with all its children when it doesn't."""
        if self._process.poll() is None:
            self._process.terminate()
            # It has its chance, unless Ctrl-C comes a second time.
            with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                self._process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_words(self) -> str:
        said = self._errors.read_text(errors="replace").replace(f"{_ROOT}/", "")
        return "".join(f"\n  {line}" for line in said.splitlines()[-12:])


def _is_setting(variable: str) -> bool:
    return variable.startswith(("BFF_", "OTEL_")) or variable in (
        "REDIS_URL",
        "NODE_OPTIONS",
        "GOGC",
    )


def thread_seconds(process: int) -> dict[str, float]:
    """The CPU seconds of a process's threads by name; those of one name together."""
    seconds: dict[str, float] = {}
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):  # ended in between
            name = (thread / "comm").read_text().strip()
            seconds[name] = seconds.get(name, 0.0) + _usage(thread).cpu_seconds
    return seconds


def _usage_of(process: int) -> Usage:
    try:
        return _usage(Path(f"/proc/{process}"))
    except OSError:  # ended in between
        return Usage(0.0, 0)


def _usage(folder: Path) -> Usage:
    # Fields by number as in proc_pid_stat(5), counted behind the name's bracket.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    cpu_seconds = (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return Usage(cpu_seconds, int(fields[21]) * _PAGE_BYTES)


def _tree(root: int) -> Iterator[int]:
    yield root
    with suppress(OSError):
        for thread in Path(f"/proc/{root}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))
