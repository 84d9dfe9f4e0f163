"""Loads of few connections: what wrk leaves under way at a load's end was paid for and isn't
counted, and would be half of the requests where 32 connections wait for a MiB each.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from bench.exchange import Expectation, WrongValue, open_client
from bench.growth.place import Gateway
from bench.load import parse_wrk

CONNECTIONS = 4
_ANSWER_SECONDS = 10.0
_ENDS_SECONDS = 30.0


class NotMeasured(Exception):
    """A curve has no figures; the message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One load."""

    requests_per_second: float
    p50_ms: float
    cpu_us_per_request: float


@dataclass(frozen=True, slots=True)
class Loads:
    """How each point is loaded; `tell` hears of what begins."""

    wrk: str
    rounds: int
    seconds: float
    tell: Callable[[str], None]

    def once(self, gateway: Gateway, path: str, script: Sequence[str] = ()) -> Sample:
        """One load of `path`, or by a `script` of wrk's with its arguments. Raises `NotMeasured`
        when a request goes wrong."""
        command = [self.wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--latency"]
        command += ["--timeout", f"{_ANSWER_SECONDS:g}s", "--duration", f"{self.seconds:g}s"]
        file, *arguments = script or [""]
        command += ["--script", file] if file else []
        command += [gateway.url(path), "--", *arguments]
        before = gateway.process.usage().cpu_seconds
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.seconds + _ENDS_SECONDS,
        )
        used = gateway.process.usage().cpu_seconds - before
        gateway.process.empty_output()
        figures = parse_wrk(run.stdout + run.stderr, looks=0)
        bad = figures.refusals + figures.broken
        if bad or not figures.requests:
            wrong = f"{bad} of {figures.requests} requests went wrong"
            raise NotMeasured(f"{gateway.process.name}, {path}: {wrong}")
        return Sample(
            figures.requests_per_second, figures.p50_ms, used / figures.requests * 1_000_000
        )


def check_each(gateway: Gateway, expected: Sequence[tuple[str, Expectation]]) -> None:
    """Ask for each path once, and compare in full. Raises `NotMeasured`."""
    with open_client(_ANSWER_SECONDS) as client:
        for path, expectation in expected:
            try:
                expectation.check(client.get(gateway.url(path)))
            except (WrongValue, httpx.HTTPError) as error:
                raise NotMeasured(f"{gateway.process.name}, {path}: {error!r}") from error
