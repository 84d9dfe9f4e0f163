"""What is measured: rows, each one address of one server under load. Pure.

Their targets stand in `bench.targets`.
"""

from dataclasses import dataclass
from typing import Literal

from bench.callers import REQUEST_ID, expected_refusal, token
from bench.exchange import Expectation, Request
from bench.nginx import PAYLOAD_PATH
from bench.payloads import (
    USER_ID,
    expected_home,
    expected_passed_through,
    expected_reshaped,
    expected_unvalidated,
    graphql_query,
)

Server = Literal[
    "gateway",
    "gateway-watched",
    "by-hand",
    "by-hand-few",
    "reference",
    "express",
    "fastify",
    "fastify-zod",
    "fastify-proxy",
    "tailcall",
    "krakend",
]

# Few threads are faster where upstreams answer at once, as here, since fewer fight for the GIL; but
# no more requests than threads are in flight, and the gateway has all of them. So the row with 16
# is the one that the gateway is judged by.
THREADS = 16
FEW_THREADS = 4

_HOME = f"/screens/home/{USER_ID}"
_LARGE_HOME = f"/screens/home-large/{USER_ID}"
_CACHED = f"/screens/cached/{USER_ID}"
_MEMBERS = f"/screens/members/{USER_ID}"
_RESHAPED = f"/screens/reshaped/{USER_ID}"
_RAW = "/raw/products/popular"
_GRAPHQL = "/graphql"

_GET = Request()
_GZIP = Request(accept_encoding="gzip")
_IF_CHANGED = Request(is_conditional=True)
_WITH_TOKEN = Request(more=(("Authorization", f"Bearer {token()}"),))
_WITHOUT = Request(more=(("X-Request-ID", REQUEST_ID),))


@dataclass(frozen=True, slots=True)
class Row:
    """One address of one server. `group` is the job that it is one way of doing."""

    key: str
    group: str
    title: str
    server: Server
    path: str
    expectation: Expectation
    request: Request = _GET


_ran = Expectation(expected_home(), "cache-status", "fwd=bypass")
_hit = Expectation(expected_home(), "cache-status", "hit")
_hit_in_gzip = Expectation(expected_home(), "cache-status", "hit", encoding="gzip")
_refused = Expectation(expected_refusal(), "content-type", "application/problem+json", status=401)
_home = Expectation(expected_home())
_unvalidated = Expectation(expected_unvalidated())
_data = Expectation({"data": expected_home()})
_large_ran = Expectation(expected_home("large"), "cache-status", "fwd=bypass")
_large_home = Expectation(expected_home("large"))
_large_unvalidated = Expectation(expected_unvalidated("large"))
_large_data = Expectation({"data": expected_home("large")})
_nginx_hit = Expectation(expected_home(), "x-cache", "HIT")
_nginx_hit_in_gzip = Expectation(expected_home(), "x-cache", "HIT", encoding="gzip")
_reshaped = Expectation(expected_reshaped())
_raw = Expectation(expected_passed_through())

_MERGED, _LARGE = "three calls, merged", "three calls, merged, large"
_FROM_CACHE, _IN_GZIP = "the same from cache", "from cache, gzip accepted"
_UNCHANGED = "from cache, not modified"
_WATCHED = "from cache, watched"
_WATCHED_GZIP, _WATCHED_UNCHANGED = f"{_IN_GZIP}, watched", f"{_UNCHANGED}, watched"
_FOR_A_TOKEN, _REFUSED = "from cache, for a token and a limit", "refused"
_JOINED, _PASSED = "three calls, reshaped", "pass-through"
_BY_HAND = f"Flask by hand, {THREADS} threads"
_FEW = f"Flask by hand, {FEW_THREADS} threads"
_EXPRESS, _FASTIFY = "Express + axios, unvalidated", "Fastify + undici, unvalidated"
_ZOD, _NGINX_CACHE = "Fastify + undici + zod", "nginx, proxy_cache"
_TAILCALL, _KRAKEND = "Tailcall, GraphQL", "KrakenD, unvalidated"
_QUERY, _LARGE_QUERY = Request(body=graphql_query()), Request(body=graphql_query("large"))

ROWS = (
    Row("home-by-hand", _MERGED, _BY_HAND, "by-hand", _HOME, _home),
    Row("home-by-hand-few", _MERGED, _FEW, "by-hand-few", _HOME, _home),
    Row("home-express", _MERGED, _EXPRESS, "express", _HOME, _unvalidated),
    Row("home-fastify", _MERGED, _FASTIFY, "fastify", _HOME, _unvalidated),
    Row("home-fastify-zod", _MERGED, _ZOD, "fastify-zod", _HOME, _home),
    Row("home-tailcall", _MERGED, _TAILCALL, "tailcall", _GRAPHQL, _data, _QUERY),
    Row("home-krakend", _MERGED, _KRAKEND, "krakend", _HOME, _unvalidated),
    Row("home", _MERGED, "bff", "gateway", _HOME, _ran),
    Row("large-by-hand", _LARGE, _BY_HAND, "by-hand", _LARGE_HOME, _large_home),
    Row("large-express", _LARGE, _EXPRESS, "express", _LARGE_HOME, _large_unvalidated),
    Row("large-fastify", _LARGE, _FASTIFY, "fastify", _LARGE_HOME, _large_unvalidated),
    Row("large-fastify-zod", _LARGE, _ZOD, "fastify-zod", _LARGE_HOME, _large_home),
    Row("large-tailcall", _LARGE, _TAILCALL, "tailcall", _GRAPHQL, _large_data, _LARGE_QUERY),
    Row("large-krakend", _LARGE, _KRAKEND, "krakend", _LARGE_HOME, _large_unvalidated),
    Row("large", _LARGE, "bff", "gateway", _LARGE_HOME, _large_ran),
    Row("cached", _FROM_CACHE, "bff", "gateway", _CACHED, _hit),
    Row("cached-watched", _WATCHED, "bff", "gateway-watched", _CACHED, _hit),
    Row("members", _FOR_A_TOKEN, "bff", "gateway", _MEMBERS, _hit, _WITH_TOKEN),
    Row("refused", _REFUSED, "bff", "gateway", _MEMBERS, _refused, _WITHOUT),
    Row("cached-nginx", _FROM_CACHE, _NGINX_CACHE, "reference", PAYLOAD_PATH, _nginx_hit),
    Row("gzip", _IN_GZIP, "bff", "gateway", _CACHED, _hit_in_gzip, _GZIP),
    Row("gzip-watched", _WATCHED_GZIP, "bff", "gateway-watched", _CACHED, _hit_in_gzip, _GZIP),
    Row(
        *("gzip-nginx", _IN_GZIP, _NGINX_CACHE, "reference"),
        *(PAYLOAD_PATH, _nginx_hit_in_gzip, _GZIP),
    ),
    Row("unchanged", _UNCHANGED, "bff, 304", "gateway", _CACHED, _hit, _IF_CHANGED),
    Row(
        *("unchanged-watched", _WATCHED_UNCHANGED, "bff, 304", "gateway-watched"),
        *(_CACHED, _hit, _IF_CHANGED),
    ),
    Row(
        *("unchanged-nginx", _UNCHANGED, "nginx, proxy_cache, 304", "reference"),
        *(PAYLOAD_PATH, _nginx_hit, _IF_CHANGED),
    ),
    Row("reshaped-by-hand", _JOINED, _BY_HAND, "by-hand", _RESHAPED, _reshaped),
    Row("reshaped", _JOINED, "bff", "gateway", _RESHAPED, _reshaped),
    Row("raw-fastify", _PASSED, "@fastify/http-proxy", "fastify-proxy", _RAW, _raw),
    Row("raw", _PASSED, "bff", "gateway", _RAW, _raw),
    Row("raw-nginx", _PASSED, "nginx, proxy_pass", "reference", _RAW, _raw),
)
