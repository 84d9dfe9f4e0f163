"""Secrets are on the wire to their services, and nowhere else: all else is searched for them.

Each secret is a canary of its own. A gateway serves with the log at `debug`, over a real Redis,
while services and an authorization server answer well, badly and not at all. Two of them repeat
what they were sent.
"""

import asyncio
import base64
import traceback
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from bff.cli import bff
from bff.environment import Environment
from bff.plan.compiler.project import check_project, compile_project
from bff.settings import Settings
from bff.web.gateway import Gateway
from tests.support.gateway.hosts import Answer
from tests.support.gateway.serving import gateways
from tests.support.projects import SHOP_SCHEMAS, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import Exchange, Script, WireServer
from tests.support.upstream.wire_scripts import json_reply, never, reply, then_reset

CANARY = "canary7c1"
NAMES = ("HEADER", "QUERY", "BEARER", "PASSWORD", "CLIENT", "PROXY", "INLINE")
SECRETS = {name: f"{CANARY}{name.lower()}" for name in NAMES}
# Base64 hides what is in it: in three ways, by what stands before.
ENCODED = tuple(
    base64.b64encode(b"x" * before + CANARY.encode()).decode()[4 if before else 0 : -4]
    for before in range(3)
)

OPERATIONS = """
operations:
  get:
    request: GET /{path}
    params: {path: {type: string}}
    returns: schemas.shop:User
    cache: {ttl: 1m, tags: ["all"]}
"""
SERVICES = {
    "plain": """
        headers: {X-Key: "${secret.HEADER}"}
        query: {key: "${secret.QUERY}"}
        auth: {bearer: "${secret.BEARER}"}
    """,
    "basic": 'auth: {basic: {user: shop, password: "${secret.PASSWORD}"}}',
    "tokens": """
        auth:
          client_credentials:
            token_url: LOGIN/token
            client_id: shop
            client_secret: "${secret.CLIENT}"
    """,
    "leaky": """
        auth:
          client_credentials:
            token_url: LOGIN/leak
            client_id: shop
            client_secret: "${secret.CLIENT}"
    """,
    "proxied": 'proxy: "http://me:${secret.PROXY}@PROXY"',
    "nowhere": 'auth: {bearer: "${secret.NONE || secret.INLINE}"}',
}
PATHS = ("ok", "refused", "broken", "reset", "invalid", "slow", "leak")


def leak(exchange: Exchange) -> None:
    """A reply that repeats the request's head, as pages of errors do."""
    exchange.read_body()
    body = b'{"error": "%b"}' % exchange.request.head.replace(b"\r\n", b" ").replace(b'"', b"'")
    reply(400, [], body)(exchange)


UPSTREAM: dict[str, Script] = {
    "/ok": json_reply('{"id": 1, "first_name": "Ann"}'),
    "/refused": reply(401, [("WWW-Authenticate", "Bearer")]),
    "/broken": reply(500, [], b"<p>no</p>"),
    "/reset": then_reset(b""),
    "/invalid": json_reply("[]"),
    "/slow": never(),
    "/leak": leak,
}
LOGIN: dict[str, Script] = {
    "/token": json_reply(f'{{"access_token": "{CANARY}token", "expires_in": 60}}'),
    "/leak": leak,
}


def is_clean(text: str | bytes) -> bool:
    shown = text.decode("latin-1") if isinstance(text, bytes) else text
    return CANARY not in shown and not any(each in shown for each in ENCODED)


class Sent(NamedTuple):
    """The heads of what came to services, and to the authorization server."""

    upstream: WireServer
    login: WireServer

    def shows(self, name: str) -> bool:
        """Whether the secret of this name was on the wire."""
        heads = b"".join(each.head for each in (*self.upstream.requests, *self.login.requests))
        text = SECRETS[name].encode()
        encoded = (base64.b64encode(b"x" * before + text)[4:-4] for before in range(3))
        return text in heads or any(each in heads for each in encoded)


@pytest.fixture
def sent() -> Iterator[Sent]:
    with WireServer(UPSTREAM) as upstream, WireServer(LOGIN) as login:
        yield Sent(upstream, login)


@pytest.fixture
def project(sent: Sent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, text in SECRETS.items():
        (secrets / name).write_text(f"{text}\n")
    monkeypatch.setenv("BFF_SECRETS_DIR", str(secrets))
    services, compositions = {}, {}
    address = sent.upstream.url.removeprefix("http://")
    for name, own in SERVICES.items():
        lines = dedent(own).replace("LOGIN", sent.login.url).replace("@PROXY", f"@{address}")
        base = "http://127.0.0.1:1" if name == "nowhere" else sent.upstream.url
        services[name] = f"base: {base}\ntimeout: 1s\n{lines}\n{OPERATIONS}"
        compositions[name] = (
            f"endpoint: GET /{name}/{{path}}\nparams: {{path: {{type: string}}}}\n"
            f"steps: {{user: {{call: {name}.get, with: {{path: '${{params.path}}'}}}}}}\n"
            "cache: {ttl: 1m, tags: [all]}\n"
        )
    routes = "".join(
        f"  /raw/{name}: {{service: {name}, access: public, credentials: service}}\n"
        for name in SERVICES
        if name != "proxied"
    )
    schemas = {"shop": SHOP_SCHEMAS}
    return write_project(
        tmp_path / "project",
        compositions,
        services=services,
        schemas=schemas,
        gateway=f"routes:\n{routes}",
    )


def shown(answer: Answer) -> str:
    return f"{answer.headers} {answer.body.decode('latin-1')}"


def test_no_log_reply_or_store_of_a_gateway_shows_a_secret(
    project: Path, sent: Sent, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_REDIS_URL", server.url)
    monkeypatch.setenv("BFF_LOG_LEVEL", "debug")
    with gateways(project) as serve:
        serving = serve()
        serving.wait_until_it_answers()
        answers = {
            f"{prefix}/{name}/{path}": serving.host.get(f"{prefix}/{name}/{path}")
            for name in SERVICES
            for path in PATHS
            for prefix in ("", "/raw")
            if path != "slow" or (prefix, name) == ("", "plain")
        }
        serving.terminate()
        out = serving.said()
    assert [name for name in NAMES if not sent.shows(name)] == ["INLINE"]  # whose service is down
    assert answers["/plain/ok"].status == 200
    assert answers["/plain/refused"].status == 502
    assert answers["/leaky/ok"].json()["reason"] == "no_token"
    assert "no token for the service leaky: the token endpoint answered 400" in out
    assert "plain.get refuses the gateway's credentials" in out
    assert is_clean(out), out
    for name, answer in answers.items():
        # What a service says is its own, where it passes as it came: a page that repeats the
        # request is such a reply.
        if name.startswith("/raw") and name.endswith("/leak"):
            continue
        assert is_clean(shown(answer)), name
    with server.client() as client:
        client.config_set("rdbcompression", "no")
        keys = list(client.scan_iter())
        stored = [client.dump(key) or b"" for key in keys]
    assert any(b"Ann" in value for value in stored)
    assert all(is_clean(each) for each in (*keys, *stored))


def test_no_command_shows_a_secret(project: Path) -> None:
    runner = CliRunner()
    commands = [("check", "--env"), ("check", "--env", "--format", "json"), ("routes",)]
    commands += [("plan", name) for name in SERVICES]
    for arguments in commands:
        result = runner.invoke(bff, (*arguments, "--project", str(project)))
        assert result.exit_code == 0, result.output
        assert is_clean(result.output)


@pytest.mark.parametrize("form", ["text", "json"])
def test_call_of_a_screen_shows_no_secret_whatever_a_service_repeats(
    project: Path, sent: Sent, form: str
) -> None:
    words = [(name, path) for name in SERVICES for path in ("ok", "leak")]
    shown = ""
    for name, path in words:
        options = ["--param", f"path={path}", "--format", form, "--project", str(project)]
        result = CliRunner().invoke(bff, ["call", name, *options])
        assert is_clean(result.output), result.output
        shown += result.output
    assert sent.shows("QUERY")
    assert sent.shows("PROXY")
    assert ("•••" if form == "text" else "\\u2022") in shown


def test_no_problem_shows_a_secret(project: Path, tmp_path: Path) -> None:
    """Each secret stands where it is refused."""
    service = project / "services" / "plain.yaml"
    names = "".join(f'    "${{secret.{name}}}": x\n' for name in NAMES)
    places = {
        "headers": "headers: {X-A: \"a\\n${secret.HEADER}\", Host: '${secret.HEADER}'}",
        "proxy": "proxy: '${secret.PROXY}'",
        "tls": "tls: {ca: '${secret.PROXY}', cert: '${secret.CLIENT}', key: '${secret.HEADER}'}",
        "auth": "auth: {basic: '${secret.PASSWORD}', bearer: {a: '${secret.BEARER}'}}",
        "size": "query: {" + ", ".join(f"k{n}: '${{secret.BIG}}'" for n in range(3)) + "}",
        "type": "auth: '${secret.PASSWORD}'",
        "keys": f"headers:\n{names}",
    }
    (tmp_path / "secrets" / "BIG").write_text(CANARY * 700)
    environment = Environment({}, tmp_path / "secrets")
    for name, lines in places.items():
        service.write_text(f"base: https://127.0.0.1:9\n{lines}\n{OPERATIONS}")
        problems = check_project(project, environment).problems
        assert problems, name
        assert all(is_clean(str(each)) for each in problems), problems


def test_nothing_that_serves_has_a_secret_in_its_repr_or_in_a_traceback(
    project: Path, tmp_path: Path
) -> None:
    compiled = compile_project(project, Environment({}, tmp_path / "secrets"))
    assert is_clean(repr(compiled))

    async def serve() -> list[str]:
        gateway = Gateway(compiled, Settings())
        await gateway.open()
        seen: list[str] = []
        _walk(gateway, seen, set(), 0)
        await gateway.close()
        return seen

    texts = asyncio.run(serve())
    assert len(texts) > 500
    assert all(map(is_clean, texts))
    try:
        _fail(*(service.additions for service in compiled.services.values()))
    except RuntimeError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert is_clean("".join(told.format()))


def _fail(*additions: object) -> None:
    raise RuntimeError(f"{additions}")


def _walk(value: object, seen: list[str], known: set[int], depth: int) -> None:
    """Collect the `repr` of everything that the object holds, as a debugger would show it."""
    if id(value) in known or depth > 12 or isinstance(value, str | bytes | int | float | type):
        return
    known.add(id(value))
    seen.append(repr(value))
    below: list[object] = []
    if isinstance(value, dict):
        below += value.values()
    elif isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        below += value
    below += vars(value).values() if hasattr(value, "__dict__") else ()
    names = getattr(type(value), "__slots__", ())
    below += [getattr(value, name, None) for name in names if not name.startswith("__")]
    for each in below:
        if type(each).__module__.startswith(("bff", "builtins", "functools")):
            _walk(each, seen, known, depth + 1)
