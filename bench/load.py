"""Load on one address: wrk makes it, and meanwhile a few requests of our own look at the values."""

import json
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

CONNECTIONS = 32
_LOOK_EVERY_SECONDS = 0.2
_REPLY_SECONDS = 10
_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}


class WrongValue(Exception):
    """A row answers something else than it should, or does not answer."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What wrk tells of one load. `bad_replies` are statuses other than 2xx and 3xx, and
    connections that broke or waited too long."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    bad_replies: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a reply must be: JSON equal to `value`, and `header` with `text` in it, or without it
    where `has_text` is false."""

    value: Any
    header: str = "content-type"
    text: str = "application/json"
    has_text: bool = True

    def check(self, reply: httpx.Response) -> None:
        """Raises `WrongValue`."""
        if reply.status_code != httpx.codes.OK:
            raise WrongValue(f"{reply.url.path} answers {reply.status_code}: {reply.text[:300]}")
        found = reply.headers.get(self.header, "")
        if (self.text in found) is not self.has_text:
            raise WrongValue(f"{reply.url.path} answers with {self.header}: {found!r}")
        if json.loads(reply.content) != self.value:
            raise WrongValue(f"{reply.url.path} answers other values: {reply.text[:300]}")


def put_load(wrk: str, url: str, seconds: float, expectation: Expectation) -> LoadFigures:
    """Load `url` for so long, looking at its values before, meanwhile and after.

    Raises `WrongValue` when any reply is not what it should be.
    """
    with httpx.Client(trust_env=False, timeout=_REPLY_SECONDS) as client:

        def look() -> None:
            try:
                expectation.check(client.get(url))
            except httpx.HTTPError as error:
                raise WrongValue(f"{url} under load: {error!r}") from error

        look()
        command = [wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--latency"]
        command += ["--timeout", f"{_REPLY_SECONDS}s", "--duration", f"{seconds:g}s", url]
        wrk_run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            with _Repeated(look):
                said, _ = wrk_run.communicate(timeout=seconds + 3 * _REPLY_SECONDS)
        finally:
            wrk_run.kill()
            wrk_run.wait()
        look()
    figures = parse_wrk(said.decode())
    if figures.bad_replies:
        raise WrongValue(f"{url}: {figures.bad_replies} of {figures.requests} requests went wrong")
    return figures


def parse_wrk(text: str) -> LoadFigures:
    """The figures in wrk's report. Raises `ValueError` for what is no report."""

    def found(pattern: str) -> re.Match[str]:
        match = re.search(pattern, text, re.MULTILINE)
        if match is None:
            raise ValueError(f"wrk did not report {pattern!r}: {text.strip()[:300]}")
        return match

    def percentile(percent: int) -> float:
        number, unit = found(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m|h)\s*$").groups()
        return float(number) * _UNIT_MS[unit]

    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    return LoadFigures(
        requests=int(found(r"^\s*(\d+) requests in ").group(1)),
        requests_per_second=float(found(r"^Requests/sec:\s+([\d.]+)$").group(1)),
        p50_ms=percentile(50),
        p99_ms=percentile(99),
        bad_replies=(int(bad.group(1)) if bad else 0)
        + (sum(map(int, errors.groups())) if errors else 0),
    )


class _Repeated:
    """Calls `look` again and again in a thread; raises what it raised on the way out."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._over = threading.Event()
        self._error: WrongValue | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._over.wait(_LOOK_EVERY_SECONDS):
                self._look()
        except WrongValue as error:
            self._error = error
