"""Every kind of caller asks for every kind of endpoint, by every method, in every host, whatever
memory holds: each gets what the oracle says, and nobody another's."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product, starmap
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from flask import Flask

from bff import Gateway
from bff.cli import bff
from bff.environment import Environment
from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.web import gateway as core
from bff.web.logs.log import Log
from tests.support.access.matrix import (
    ENDPOINTS,
    METHODS,
    NAMES,
    OWNER,
    STATES,
    Caller,
    Cell,
    Matrix,
)
from tests.support.access.project import COMPOSITIONS, GATEWAY, SCHEMAS, SERVICES
from tests.support.gateway.doors import DOORS, Ask, door_of
from tests.support.gateway.hosts import HOSTS, Answer, Header, serving
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.identity.tokens import SECRET, claims, hmac_token
from tests.support.projects import write_project
from tests.support.redis.server import RedisServer
from tests.support.telemetry.log_streams import Recorder
from tests.support.upstream.owner_service import OwnerService

NOW = time.time()
_, BO, SAM, KEY, MAY, EVE = NAMES
SETTINGS = Settings(log_level="error", admin_token="0123456789abcdef0123")


class Clock:
    """Seconds since the epoch, as a test turns them: they begin with the test, as the issuer's."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def bearer(sub: str, secret: str = SECRET, **members: object) -> tuple[Header, ...]:
    usual = {"sub": sub, "exp": NOW + 10**7, "iat": NOW - 10}
    token = hmac_token(claims(**{**usual, **members}), secret.encode())
    return (("Authorization", f"Bearer {token}"),)


SPOOFED = (
    ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", OWNER), ("X-Forwarded-Proto", "https"),
    ("X-User", OWNER), ("X_User", OWNER), ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1"),
    ("X-Original-URL", "/open/1"), ("X-Rewrite-URL", "/open/1"), ("X-HTTP-Method-Override", "GET"),
    ("User-Agent", "kube-probe/1.31"), ("X-Authenticated-User", OWNER), ("Remote-User", OWNER),
)  # fmt: skip
CALLERS = (
    Caller("nobody"),
    Caller("of a wrong issuer", bearer(EVE, iss="https://evil.example"), refusal=401),
    Caller("expired", bearer(EVE, exp=NOW - 3600), refusal=401),
    Caller("of a wrong audience", bearer(EVE, aud="bank"), refusal=401),
    Caller("of a wrong secret", bearer(EVE, "f" * 72), refusal=401),
    Caller("with claims of another type", bearer(EVE, roles="support"), refusal=401),
    Caller("right user", bearer(OWNER), OWNER),
    Caller("other user", bearer(BO), BO),
    Caller("of a role", bearer(SAM, roles=["support"]), SAM, frozenset({"support"})),
    Caller("behind a forged proxy", SPOOFED),
    Caller("right user behind a forged proxy", (*bearer(BO), *SPOOFED), BO),
    Caller("with Basic", (("Authorization", "Basic YW5uOmFubg=="),)),
)


def of_keys(folder: Path, environ: dict[str, str]) -> tuple[Caller, ...]:
    """Callers with API keys that `bff keys` makes."""

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(
            bff, ["keys", *arguments, "--project", str(folder)], env=environ
        )
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    good = run("add", "--id", "partner", "--claim", f"sub={KEY}", "--role", "support")
    revoked = run("add", "--id", "former", "--claim", f"sub={EVE}")
    run("revoke", "former")
    return (
        Caller("of a key", (("X-Api-Key", good),), KEY, frozenset({"support"})),
        Caller("of a revoked key", (("X-Api-Key", revoked),), refusal=401),
        Caller("with a mistyped key", (("X-Api-Key", good[:-1] + "?"),), refusal=401),
        Caller("with two credentials", (("X-Api-Key", good), *bearer(BO)), refusal=400),
    )


async def of_sessions(ask: Ask, issuer: OidcIssuer) -> tuple[Caller, ...]:
    """A caller with a session, and one who has its cookie alone."""
    issuer.user, issuer.access_seconds = {"sub": MAY}, 10**7

    def set_in(answer: Answer) -> str:
        pairs = [value.partition(";")[0] for name, value in answer.headers if name == "set-cookie"]
        return "; ".join(each for each in pairs if not each.endswith("="))

    begun = await ask("GET", "/bff/login", [], "127.0.0.1")
    async with httpx.AsyncClient(trust_env=False) as client:
        location = (await client.get(begun.header("location") or "")).headers["location"]
    target = location.partition("8080")[2]
    ended = await ask("GET", target, [("Cookie", set_in(begun))], "127.0.0.1")
    cookie = ("Cookie", set_in(ended))
    stolen = (("Cookie", set_in(ended)[:-4] + "AAAA"), ("X-CSRF", "1"))
    return (
        Caller("of a session", (cookie, ("X-CSRF", "1")), MAY),
        Caller("with a stolen cookie alone", (cookie,), MAY, bare_cookie=True),
        Caller("with a made up cookie", stolen, refusal=401),
        Caller("of a session and a token", (cookie, ("X-CSRF", "1"), *bearer(BO)), refusal=400),
    )


def flask_app(folder: Path, environ: dict[str, str], clock: Callable[[], float]) -> Flask:
    """An app with a view of its own, and a gateway whose clock a test turns."""
    app = Flask("matrix", static_folder=None)
    app.add_url_rule("/hello", "hello", lambda: {"hello": "world"})
    project = compile_project(folder, Environment(environ, None))
    log = Log("error", Recorder())
    Gateway().attach(app, core.Gateway(project, SETTINGS, clock=clock, log=log))
    return app


@dataclass
class World:
    """What gateways of the matrix stand between."""

    folder: Path
    environ: dict[str, str]
    issuer: OidcIssuer
    callers: tuple[Caller, ...] = ()

    def project(self, url: str) -> Path:
        services = {name: text.format(url=url) for name, text in SERVICES.items()}
        gateway = GATEWAY.replace("{issuer}", self.issuer.url)
        return write_project(
            self.folder,
            COMPOSITIONS,
            services=services,
            schemas={"owner": SCHEMAS},
            gateway=gateway,
            access=None,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with OidcIssuer() as issuer, RedisServer() as redis:
        environ = {
            "HS": SECRET, "OIDC": issuer.client_secret, "SESSION_KEY": "s" * 40,
            "SESSION_REDIS": redis.url,
        }  # fmt: skip
        made = World(tmp_path_factory.mktemp("matrix"), environ, issuer)
        made.callers = CALLERS + of_keys(made.project("http://127.0.0.1:9"), environ)
        yield made


def in_pairs(callers: Sequence[Caller]) -> list[Cell]:
    """Cells in which each two of caller, endpoint, method and state stand together once or more."""
    return [
        Cell(caller, endpoint, METHODS[(i + j) % len(METHODS)], STATES[(i + 3 * j) % len(STATES)])
        for i, caller in enumerate(callers)
        for j, endpoint in enumerate(ENDPOINTS)
    ]


@pytest.mark.parametrize("name", HOSTS)
def test_servers_as_they_run_do_so_too(name: str, world: World) -> None:
    async def main() -> None:
        clock = Clock()
        async with OwnerService() as service:
            world.project(service.url)
            app = flask_app(world.folder, world.environ, clock)
            with serving(name, world.folder, app=app) as host:
                ask = door_of(host)
                callers = world.callers + await of_sessions(ask, world.issuer)
                cells = in_pairs(callers)
                for one, other in combinations(range(4), 2):
                    pairs = {(str(cell[one]), str(cell[other])) for cell in cells}
                    kinds = (callers, ENDPOINTS, METHODS, STATES)
                    assert len(pairs) == len(kinds[one]) * len(kinds[other])
                sockets = name == "http1"
                matrix = Matrix(ask, service, callers, clock.advance, has_websockets=sockets)
                ordered = sorted(cells, key=lambda cell: STATES.index(cell.state))
                assert await matrix.differences(ordered) == []

    asyncio.run(main())


@pytest.mark.parametrize("name", HOSTS)
def test_each_caller_gets_what_is_theirs_and_nothing_else(name: str, world: World) -> None:
    async def main() -> None:
        clock = Clock()
        async with OwnerService() as service:
            world.project(service.url)
            app = flask_app(world.folder, world.environ, clock)
            async with DOORS[name](app) as ask:
                callers = world.callers + await of_sessions(ask, world.issuer)
                sockets = name == "http1"
                matrix = Matrix(ask, service, callers, clock.advance, has_websockets=sockets)
                cells = starmap(Cell, product(callers, ENDPOINTS, METHODS, STATES))
                ordered = sorted(cells, key=lambda cell: STATES.index(cell.state))
                assert await matrix.differences(ordered) == []
                assert matrix.seen == {*STATES}, "the states are those that they are called"

    asyncio.run(main())
