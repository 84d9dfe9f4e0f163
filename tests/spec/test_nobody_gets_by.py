"""No spelling of a request passes by `access:`, and none makes the gateway fail, in any host.

A private service stands behind what nobody here may ask for, and must never hear of a request. A
public one answers well, so a 5xx would be the gateway's own. 501 and 505 say what it does not do.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bff import Gateway
from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.web import gateway as core
from bff.web.logs.log import Log
from tests.support.gateway.doors import DOORS, Ask, Headers
from tests.support.gateway.hosts import HOSTS, Answer
from tests.support.identity.callers import ByName
from tests.support.projects import write_project
from tests.support.telemetry.log_streams import Recorder
from tests.support.upstream.owner_service import OwnerService

STEP = "steps: {it: {call: SERVICE.tell, with: {n: '${params.n}'}}}"
PRIVATE, PUBLIC = STEP.replace("SERVICE", "private"), STEP.replace("SERVICE", "public")
STAFF = "{roles: {any: [staff]}}"
PARAMS = "params: {n: {type: string}}"
COMPOSITIONS = {
    "secret": f"endpoint: GET /secret/{{n}}\naccess: authenticated\n{PARAMS}\n{PRIVATE}",
    "change": f"endpoint: POST /secret/{{n}}\naccess: authenticated\n{PARAMS}\n{PRIVATE}",
    "staff": f"endpoint: GET /staff/{{n}}\naccess: {STAFF}\n{PARAMS}\n{PRIVATE}",
    "unstated": f"endpoint: GET /unstated/{{n}}\n{PARAMS}\n{PRIVATE}",
    "cached": f"endpoint: GET /open/{{n}}\naccess: public\n{PARAMS}\n{PUBLIC}\ncache: {{ttl: 1h}}",
    "rest": f"endpoint: GET /files/{{n...}}\naccess: public\n{PARAMS}\n{PUBLIC}",
    "many": f"""
        endpoint: POST /many/{{n}}
        access: public
        params:
          n: {{type: string}}
          whole: {{type: integer, in: query, required: false}}
          part: {{type: number, in: query, required: false}}
          list: {{type: array, items: {{type: boolean}}, in: query, required: false}}
          X-Tenant: {{in: header, type: string, required: false}}
          note: {{in: body, type: string, required: false}}
          tags: {{in: body, type: array, items: {{type: integer}}, required: false}}
        {PUBLIC}
        """,
}
GATEWAY = """
cors: {origins: ["https://shop.example"], credentials: true}
trusted_proxies: {addresses: [127.0.0.0/8], hops: 1}
routes:
  /private: {service: private, access: authenticated}
  /unstated-raw: {service: private}
  /staff-raw: {service: private, access: {roles: {any: [staff]}}}
  /public: {service: public, access: public}
"""
SERVICE = """
base: URL
operations:
  tell:
    request: GET /told/{n}
    params: {n: {type: string, slash: true}}
    returns: schemas.any:It
"""
SCHEMA = """
from pydantic import BaseModel

class It(BaseModel):
    n: str | None
"""
CAPABILITIES = (501, 505)
HIDDEN = ("/secret/1", "/staff/1", "/unstated/1", "/private/x", "/unstated-raw/x", "/staff-raw/x")


class Place:
    """A gateway in one host, and its services; asked on their loop."""

    def __init__(self, host: str, folder: Path) -> None:
        self.host = host
        self._runner = asyncio.Runner()
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Ask]
        self._task = self._runner.get_loop().create_task(self._live(folder))
        self._runner.get_loop().run_until_complete(self._begun())

    async def _begun(self) -> None:
        self._ready = asyncio.get_running_loop().create_future()
        self._ask = await self._ready

    async def _live(self, folder: Path) -> None:
        async with OwnerService() as self.private, OwnerService() as self.public:
            services = {"private": self.private, "public": self.public}
            write_project(
                folder,
                COMPOSITIONS,
                services={name: SERVICE.replace("URL", at.url) for name, at in services.items()},
                schemas={"any": SCHEMA},
                gateway=GATEWAY,
                access=None,
            )
            app = Flask("place", static_folder=None)
            gateway = core.Gateway(
                compile_project(folder),
                Settings(admin_token="0123456789abcdef0123"),
                identity=ByName(),
                log=Log("error", Recorder()),
            )
            Gateway().attach(app, gateway)
            async with DOORS[self.host](app) as ask:
                self._ready.set_result(ask)
                await self._stop.wait()

    def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Ask, from the address of a proxy that is trusted."""
        return self._runner.run(self._asked(method, target, headers, body))

    async def _asked(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        async with asyncio.timeout(20):
            return await self._ask(method, target, headers, "127.0.0.1", body)

    def close(self) -> None:
        self._runner.get_loop().call_soon(self._stop.set)
        self._runner.get_loop().run_until_complete(self._task)
        self._runner.close()


@pytest.fixture(scope="module", params=HOSTS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    made = Place(request.param, tmp_path_factory.mktemp("place"))
    yield made
    made.close()


SPELLINGS = (
    "{p}", "{p}/", "//{q}", "/./{q}", "/.//{q}", "/x/../{q}", "/open/../{q}", "/public/../{q}",
    "/public/..%2f{q}", "/public/..;/{q}", "/public/..;x/{q}", "/public/%2e%2e/{q}",
    "/public/%2e%2e%3b/{q}", "/public/..%00/{q}", "/public/..%23/{q}", "/public/..%3f/{q}",
    "/public/%252e%252e/{q}", "/public/..%5c{q}", "/public/..%c0%af{q}", "/public/x%00/../{q}",
    "/open/1%2f..%2f..%2f{q}", "/files/a/../../{q}", "/files/..%2f..%2f{q}", "/files/%2e%2e/{q}",
    "/healthz/../{q}", "/healthz/..;/{q}", "/healthz%2f..%2f{q}", "/healthz;/../{q}",
    "/admin/purge/../../{q}", "{p}%23", "{p}%3f", "{p}%23/open/1", "{p}%3f/open/1", "{p}?/open/1",
    "{p};/open/1", "{p};x=1", "{p}%00", "{p}%20", "{p}%09", "{p}%0a", "{p}.json", "{p}..;/",
    "{p}/..;/{q}", "/open/1?/{q}", "/open/1?x=/{q}", "/open/1%3f/{q}", "/open/1%23/{q}",
    "/open/1;/{q}", "/open;/{q}", "{p}?access=public", "{p}?token=ann", "{p}?authorization=ann",
    "{up}", "/%2f{q}", "/%5c{q}", "/\\{q}", "/public%2f..%2f{q}", "/public/%5c..%5c{q}",
    "/public/.%00./{q}", "/public/%ef%bc%8e%ef%bc%8e/{q}", "/public/..%0d%0aX:1/{q}",
)  # fmt: skip
SKIPS: tuple[Headers, ...] = (
    (),
    (("User-Agent", "kube-probe/1.31"), ("X-Health-Check", "1")),
    (("User-Agent", "ELB-HealthChecker/2.0"), ("X-Forwarded-For", "127.0.0.1")),
    (("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a")),
    (("Forwarded", "for=127.0.0.1;proto=https;host=localhost"), ("X-Real-IP", "127.0.0.1")),
    (("X-Original-URL", "/open/1"), ("X-Rewrite-URL", "/open/1"), ("X-Forwarded-Uri", "/open/1")),
    (("X-Forwarded-Prefix", "/open"), ("X-Script-Name", "/secret"), ("SCRIPT-NAME", "/secret")),
    (("X-HTTP-Method-Override", "OPTIONS"), ("X-Method-Override", "OPTIONS")),
    (("X-Forwarded-User", "ann"), ("X-User", "ann"), ("Remote-User", "ann"), ("X-Roles", "staff")),
    (("Authorization", "Basic YW5uOmFubg=="),),
    (("Authorization", "Bearer"), ("Cookie", "session=ann; Authorization=Bearer ann")),
    (("Origin", "https://shop.example"), ("Sec-Fetch-Mode", "navigate")),
    (("X-Forwarded-Client-Cert", "By=ann"), ("X-Amzn-Oidc-Identity", "ann"), ("Via", "1.1 a")),
)


def test_no_spelling_of_a_path_reaches_what_is_not_public(place: Place) -> None:
    for path, spelling in product(HIDDEN, SPELLINGS):
        up = path.replace("s", "%73").replace("p", "%70").replace("u", "%75")
        target = spelling.format(p=path, q=path[1:], up=up)
        answer = place.ask("GET", target)
        # 200 is a public thing, whose text the hidden path has become.
        assert answer.status in (200, 400, 401, 404, 405), (target, answer)
        if not target.startswith(("/open", "/files", "/public", "/healthz", "/admin")):
            assert answer.status != 200, (target, answer)
    assert place.private.calls == {}


def test_no_header_skips_access_and_no_method_does(place: Place) -> None:
    methods = ("GET", "HEAD", "POST", "QUERY", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
    for path, headers, method in product(HIDDEN, SKIPS, methods):
        answer = place.ask(method, path, headers)
        assert answer.status in (401, 405, 501), (method, path, headers, answer)
    preflight = (("Origin", "https://shop.example"), ("Access-Control-Request-Method", "GET"))
    for path in HIDDEN:
        assert place.ask("OPTIONS", path, preflight).status == 204
    assert place.private.calls == {}


def test_health_is_its_own_path_alone_and_opens_nothing(place: Place) -> None:
    for path in ("/healthz", "/healthz?x=/secret/1"):
        assert place.ask("GET", path).status == 200
    for path in ("/healthz/secret/1", "/secret/healthz", "/secret/1/healthz", "/private/healthz"):
        assert place.ask("GET", path).status in (401, 404), path
    assert place.private.calls == {}


def test_who_is_admitted_reaches_what_is_private(place: Place) -> None:
    """So that the tests above can fail."""
    for path in ("/secret/open", "/private/open"):
        answer = place.ask("GET", path, (("Authorization", "Bearer ann"),))
        assert answer.status == 200, answer
    assert len(place.private.calls.pop("open")) == 2


PIECES = st.sampled_from((
    *("/", "//", "\\", ".", "..", "...", ";", ";x", "?", "&", "=", "%", "%2", "%zz", "%00", "%0a"),
    *("%23", "%3f", "%2f", "%2F", "%5c", "%2e", "%2e%2e", "%252e", "%3b", "%20", "%25", "%c0%ae"),
    *("%ef%bc%8f", "%e2%80%ae", "%ff", "é", "secret", "private", "unstated", "open", "public"),
    *("files", "many", "staff", "healthz", "admin", "purge", "1", "-1", "1e999", "true", "null"),
    *("whole=", "part=", "list=", "view=", "fields=", "9" * 400, "a" * 300, "{n}", "${claims.sub}"),
))  # fmt: skip
TARGETS = st.lists(PIECES, max_size=8).map(lambda pieces: "/" + "".join(pieces))
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
NAMES = st.sampled_from((
    *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Cookie"),
    *("Content-Type", "Content-Encoding", "Forwarded", "If-Match", "If-Modified-Since"),
    *("If-None-Match", "Origin", "Prefer", "Range", "Referer", "Sec-Fetch-Site", "Traceparent"),
    *("Tracestate", "Upgrade", "User-Agent", "X-Api-Key", "X-CSRF", "X-Forwarded-For"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID", "X-Tenant", "X_User", "X.User"),
    *("Access-Control-Request-Method", "Access-Control-Request-Headers", "Sec-WebSocket-Key"),
))  # fmt: skip
VALUES = st.one_of(
    st.sampled_from((
        *("", ",", ";", '"', "\"", "*", "W/", "gzip;q=1e9", "gzip;q=-1, *;q=0", "bytes=0-,-1"),
        *("application/json", "application/json; charset=utf-7", "multipart/form-data", "text/"),
        *("for=;for", 'for="[::1', "1.1.1.1," * 50, "https", "Bearer " + "a." * 100, "Bearer ann"),
        *("00-" + "0" * 32 + "-" + "0" * 16 + "-00", "max-stale=1e9", "websocket", "null"),
        "a" * 999,
    )),
    TEXTS,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from((
        b"{", b"[]", b"null", b'"', b'{"note": 1}', b'{"tags": "x"}', b'{"tags": [1e999, 9e99]}',
        b'{"note": "\\ud800"}', b'{"note": "a", "note": "b"}', b"[" * 5000, b'{"__proto__": {}}',
        b'{"tags": [' + b"9" * 5000 + b"]}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"NaN",
        json.dumps({"note": "x" * 5000}).encode(),
    )),
)  # fmt: skip
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda each: each[0])
METHODS = st.sampled_from(("GET", "HEAD", "POST", "QUERY", "PUT", "DELETE", "OPTIONS"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    METHODS,
    TARGETS,
    st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda x: x[0]),
    BODIES,
)
@example("POST", "/many/1?whole=" + "9" * 5000, [("Content-Type", "application/json")], b"{}")
@example("POST", "/many/1", [("Content-Type", "application/json")], b"[" * 100_000)
@example("GET", "/open/1", [("If-None-Match", '"' * 999), ("Accept-Encoding", ";q=" * 99)], b"")
@example("GET", "/files/" + "a/" * 3000, [], b"")
def test_no_request_makes_the_gateway_fail_or_reaches_what_is_private(
    place: Place, method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    is_ann = any(value == "Bearer ann" for _, value in headers)
    sent = headers if method in ("POST", "QUERY") else [each for each in headers if each[1]]
    answer = place.ask(
        method,
        target.encode().decode("latin-1"),
        sent,
        body if method in ("POST", "QUERY") else b"",
    )
    assert answer.status < 500 or answer.status in CAPABILITIES, answer
    if not is_ann:
        assert place.private.calls == {}
    place.private.calls.clear()
