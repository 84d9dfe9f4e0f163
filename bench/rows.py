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

Server = Literal["gateway", "by-hand", "proxy-by-hand", "bare", "reference"]

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

ROWS = (
    Row("home-by-hand", "three calls, merged", "Flask + httpx, by hand", "by-hand", _HOME, _home),
    Row("home", "three calls, merged", "bff", "gateway", _HOME, _ran),
    Row("home-bare", "three calls, merged", "bare ASGI + pyreqwest", "bare", _HOME, _home),
    Row("cached", "the same from cache", "bff", "gateway", _CACHED, _hit),
    Row("cached-bare", "the same from cache", "bare ASGI, bytes in memory", "bare", _CACHED, _home),
    Row(
        "cached-nginx", "the same from cache", "nginx, a static file", "reference",
        PAYLOAD_PATH, _home,
    ),
    Row(
        "reshaped-by-hand", "three calls, joined and reshaped", "Flask + httpx, by hand",
        "by-hand", _RESHAPED, _reshaped,
    ),
    Row(
        "reshaped", "three calls, joined and reshaped", "bff", "gateway", _RESHAPED, _reshaped,
    ),
    Row("raw-by-hand", "pass-through", "Flask + httpx, by hand", "proxy-by-hand", _RAW, _raw),
    Row("raw", "pass-through", "bff", "gateway", _RAW, _raw),
    Row("raw-bare", "pass-through", "bare ASGI + pyreqwest", "bare", _RAW, _raw),
    Row("raw-nginx", "pass-through", "nginx, proxy_pass", "reference", _RAW, _raw),
)  # fmt: skip

COMPARISONS = (
    Comparison("home", "home-by-hand", at_least=7),
    Comparison("cached", "home-by-hand", at_least=40),
    Comparison("raw", "raw-by-hand", at_least=10),
    Comparison("reshaped", "reshaped-by-hand"),
    Comparison("home", "home-bare"),
    Comparison("cached", "cached-bare"),
    Comparison("raw", "raw-bare"),
    Comparison("cached", "cached-nginx"),
    Comparison("raw", "raw-nginx"),
)
