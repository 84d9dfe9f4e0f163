"""What is measured beside what, and what is asked of it. Pure.

A row is one address under load; a comparison is a row's requests per second over another's.
"""

from dataclasses import dataclass
from typing import Literal

from bench.load import Expectation
from bench.nginx import PAYLOAD_PATH
from bench.payloads import (
    USER_ID,
    expected_home,
    expected_passed_through,
    expected_reshaped,
)

Server = Literal[
    "gateway", "by-hand", "by-hand-few", "proxy-by-hand", "proxy-by-hand-few", "bare", "reference"
]  # fmt: skip

# What figures by hand are compared with: the number that comes nearest to the 290 to
# 340 requests/s that were measured by hand before there was a gateway. Few threads are faster where
# upstreams answer at once, as here, since fewer fight for the GIL, and 32 slower; but no more
# requests than threads are in flight, and the gateway has all of them.
THREADS = 16
FEW_THREADS = 4

_HOME = f"/screens/home/{USER_ID}"
_CACHED = f"/screens/cached/{USER_ID}"
_RESHAPED = f"/screens/reshaped/{USER_ID}"
_RAW = "/raw/products/popular"


@dataclass(frozen=True, slots=True)
class Row:
    """One address of one server. `group` is the job that it is one way of doing."""

    key: str
    group: str
    title: str
    server: Server
    path: str
    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times faster `row` is to be than `baseline`; without `at_least`, it is only told."""

    row: str
    baseline: str
    at_least: float | None = None


_ran = Expectation(expected_home(), "cache-status", "fwd=bypass")
_hit = Expectation(expected_home(), "cache-status", "hit")
_home = Expectation(expected_home())
_reshaped = Expectation(expected_reshaped())
_raw = Expectation(expected_passed_through())

_MERGED, _FROM_CACHE = "three calls, merged", "the same from cache"
_JOINED, _PASSED = "three calls, reshaped", "pass-through"
_BY_HAND = f"by hand, {THREADS} threads"
_FEW = f"by hand, {FEW_THREADS} threads"

ROWS = (
    Row("home-by-hand", _MERGED, _BY_HAND, "by-hand", _HOME, _home),
    Row("home-by-hand-few", _MERGED, _FEW, "by-hand-few", _HOME, _home),
    Row("home", _MERGED, "bff", "gateway", _HOME, _ran),
    Row("home-bare", _MERGED, "bare ASGI", "bare", _HOME, _home),
    Row("cached", _FROM_CACHE, "bff", "gateway", _CACHED, _hit),
    Row("cached-bare", _FROM_CACHE, "bare ASGI", "bare", _CACHED, _home),
    Row("cached-nginx", _FROM_CACHE, "nginx, a static file", "reference", PAYLOAD_PATH, _home),
    Row("reshaped-by-hand", _JOINED, _BY_HAND, "by-hand", _RESHAPED, _reshaped),
    Row("reshaped", _JOINED, "bff", "gateway", _RESHAPED, _reshaped),
    Row("raw-by-hand", _PASSED, _BY_HAND, "proxy-by-hand", _RAW, _raw),
    Row("raw-by-hand-few", _PASSED, _FEW, "proxy-by-hand-few", _RAW, _raw),
    Row("raw", _PASSED, "bff", "gateway", _RAW, _raw),
    Row("raw-bare", _PASSED, "bare ASGI", "bare", _RAW, _raw),
    Row("raw-nginx", _PASSED, "nginx, proxy_pass", "reference", _RAW, _raw),
)

COMPARISONS = (
    Comparison("home", "home-by-hand", at_least=7),
    Comparison("cached", "home-by-hand", at_least=40),
    Comparison("raw", "raw-by-hand", at_least=10),
    Comparison("reshaped", "reshaped-by-hand"),
    Comparison("home", "home-by-hand-few"),
    Comparison("cached", "home-by-hand-few"),
    Comparison("raw", "raw-by-hand-few"),
    Comparison("home", "home-bare"),
    Comparison("cached", "cached-bare"),
    Comparison("raw", "raw-bare"),
    Comparison("cached", "cached-nginx"),
    Comparison("raw", "raw-nginx"),
)
