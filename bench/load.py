"""Load on one address: wrk makes it, and meanwhile a few requests of our own look at the values."""

import re
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.exchange import Expectation, Request, WrongValue, open_client

CONNECTIONS = 32
_POST = Path(__file__).parent / "post.lua"
_LOOK_EVERY_SECONDS = 0.2
_REPLY_SECONDS = 10
_UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What wrk reports of one load. `refusals` are statuses other than 2xx and 3xx, `broken` are
    connections that broke or waited too long; `looks` are our own requests beside wrk's."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    looks: int
    refusals: int
    broken: int


def put_load(
    wrk: str,
    url: str,
    seconds: float,
    expectation: Expectation,
    request: Request,
    metered: AbstractContextManager[object] | None = None,
) -> LoadFigures:
    """Load `url` for so long, looking at its values before, meanwhile and after.

    `metered` is entered for just as long as the load lasts. Raises `WrongValue` when any reply is
    not what it should be.
    """
    sent = 0
    with open_client(_REPLY_SECONDS) as client:

        def send(etag: str = "") -> httpx.Response:
            nonlocal sent
            sent += 1
            try:
                return request.send(client, url, etag)
            except httpx.HTTPError as error:
                raise WrongValue(f"{url}: {error!r}") from error

        etag = send().headers.get("etag", "") if request.is_conditional else ""
        if request.is_conditional and not etag:
            raise WrongValue(f"{url} answers without an ETag")

        def look() -> None:
            expectation.check(send())
            if etag:
                expectation.check_not_modified(send(etag), etag)

        look()
        sent = 0
        with metered or nullcontext(), _Repeated(look):
            said = _run_wrk([wrk, *_wrk_arguments(url, seconds, request, etag)], seconds)
        looks = sent
        look()
    figures = parse_wrk(said, looks)
    wrong = expectation.count_wrong(figures.requests, figures.refusals, figures.broken)
    if wrong:
        raise WrongValue(f"{url}: {wrong} of {figures.requests} requests went wrong")
    return figures


def _wrk_arguments(url: str, seconds: float, request: Request, etag: str) -> list[str]:
    arguments = ["--threads", "1", "--connections", str(CONNECTIONS), "--latency"]
    arguments += ["--timeout", f"{_REPLY_SECONDS}s", "--duration", f"{seconds:g}s"]
    for name, value in request.headers(etag).items():
        arguments += ["--header", f"{name}: {value}"]
    if request.body is None:
        return [*arguments, url]
    return [*arguments, "--script", str(_POST), url, "--", request.body.decode()]


def _run_wrk(command: list[str], seconds: float) -> str:
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said, _ = run.communicate(timeout=seconds + 3 * _REPLY_SECONDS)
    finally:
        run.kill()
        run.wait()
    return said.decode()


def parse_wrk(text: str, looks: int) -> LoadFigures:
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
        looks=looks,
        refusals=int(bad.group(1)) if bad else 0,
        broken=sum(map(int, errors.groups())) if errors else 0,
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
