"""What callers and issuers send in confidence is used, and shows nowhere: all else is searched.

Every place of a request has a canary of its own: headers, cookies, the query, the body, tokens, API
keys and sessions, good ones and bad ones. The issuer, the key set and the services repeat what they
got. Then the log at `debug`, spans, replies, Redis, key files and plans are searched.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bff.cli import bff
from bff.settings import Settings
from tests.integration.identity.test_secrets_show_nowhere import CANARY, is_clean, leak
from tests.support.gateway.hosts import HOSTS, Answer, Header, Host, serving
from tests.support.identity.browsers import Browser
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.identity.tokens import claims, hmac_token
from tests.support.projects import SHOP_SCHEMAS, write_project
from tests.support.redis.server import RedisServer
from tests.support.telemetry.collector import Collector
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

SECRETS = {name: f"{CANARY}-{name.lower()}-of-forty-characters-or-more" for name in ("HS", "KEY")}
GATEWAY = """
identity:
  jwt:
    - {issuer: "https://id.example", audience: [shop], algorithms: [HS256], secret: "${secret.HS}"}
    - {issuer: "https://other.example", audience: [shop], algorithms: [RS256], keys: LEAKY/keys}
  api_keys: {file: keys.json}
  sessions:
    issuer: ISSUER
    client_id: shop
    client_secret: "${secret.OIDC}"
    scopes: [openid, offline_access]
    public_url: http://127.0.0.1:8080
    keys: ["${secret.KEY}"]
    redis: REDIS
limits: [{by: identity, rate: 1000/second}]
routes:
  /raw: {service: shop, access: public}
  /mine: {service: shop, access: authenticated}
"""
COMPOSITIONS = {
    "mine": """
        endpoint: GET /owned/{id}
        access: authenticated
        params: {id: {type: string}, q: {type: string, required: false}}
        steps: {user: {call: shop.get, with: {path: ok}}}
        cache: {ttl: 1m}
        """,
    "note": """
        endpoint: POST /note
        access: authenticated
        params: {note: {type: integer}, kind: {type: integer, in: query, required: false}}
        steps: {user: {call: shop.get, with: {path: fails}}}
        """,
}
SERVICE = """
operations:
  get:
    request: GET /{path}
    params: {path: {type: string}}
    returns: schemas.shop:User
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as redis:
        yield redis


def canaries(*places: str) -> list[Header]:
    return [(place, f"{CANARY}{place.lower()}") for place in places]


def forms(host: Host, key: str) -> Iterator[Answer]:
    """Replies to requests with a canary in each place that one can put it in."""
    now = time.time()
    good = claims(exp=now + 3600, iat=now, sub="ann", email=f"{CANARY}@email")
    tokens = {
        "good": hmac_token(good, SECRETS["HS"].encode()),
        "forged": hmac_token(good | {"iss": "https://other.example"}, b"x" * 40),
        "expired": hmac_token(good | {"exp": now - 999}, SECRETS["HS"].encode()),
        "no token": f"{CANARY}.{CANARY}.{CANARY}",
    }
    for token in tokens.values():
        yield host.get(f"/owned/1?q={CANARY}", authorization=f"Bearer {token}")
        yield host.get(f"/mine/leak?access_token={CANARY}", authorization=f"Bearer {token}")
    yield host.request("GET", "/owned/1", [("X-Api-Key", key)])
    yield host.request("GET", "/owned/1", [("X-Api-Key", key[:-1] + "z")])
    yield host.request(
        "GET", "/owned/1", [("X-Api-Key", key), ("Authorization", f"Bearer {CANARY}")]
    )
    yield host.request("GET", "/owned/1", [("Authorization", f"Basic {CANARY}")])
    yield host.request(
        "GET", "/owned/1", [("Cookie", f"__Host-Http-bff={CANARY}"), ("X-CSRF", "1")]
    )
    yield host.request("GET", "/owned/1", [("Cookie", f"a={CANARY}; b={CANARY}")])
    for name in (
        "X-Request-ID",
        "Traceparent",
        "X-Forwarded-For",
        "Forwarded",
        "Referer",
        "Origin",
    ):
        yield host.request("GET", "/raw/ok", [(name, f"{CANARY} {name}")])
    sent = [("Content-Type", "application/json"), ("Authorization", f"Bearer {tokens['good']}")]
    for body in (json.dumps({"note": CANARY}), f'{{"{CANARY}": 1}}', CANARY, '{"note": 1}'):
        yield host.request("POST", f"/note?kind={CANARY}", sent, body.encode())
        yield host.request("POST", "/note", sent, body.encode())
    yield host.get(f"/bff/login?return_to=https://{CANARY}")
    yield host.get(f"/bff/callback?code={CANARY}&state={CANARY}")
    yield host.get(f"/bff/callback?error={CANARY}&state={CANARY}")
    yield host.request("GET", f"/bff/logout?sid={CANARY}", [("Accept", "text/html")])
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    yield host.request("POST", "/bff/backchannel-logout", form, f"logout_token={CANARY}".encode())
    yield host.request("POST", "/admin/purge", [("Authorization", f"Bearer {CANARY}")], b"{}")


@pytest.mark.parametrize("name", HOSTS)
def test_nothing_that_callers_and_issuers_send_in_confidence_shows(
    name: str, tmp_path: Path, server: RedisServer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    server.empty()
    scripts = {
        "/ok": json_reply('{"id": 1, "first_name": "Ann"}'), "/fails": leak, "/leak": leak,
        "/keys": leak,
    }  # fmt: skip
    with (
        WireServer(scripts) as upstream,
        OidcIssuer() as issuer,
        Collector() as collector,
        pytest.MonkeyPatch.context() as env,
    ):
        gateway = GATEWAY.replace("ISSUER", issuer.url).replace("LEAKY", upstream.url)
        project = write_project(
            tmp_path,
            COMPOSITIONS,
            services={"shop": f"base: {upstream.url}\n{SERVICE}"},
            schemas={"shop": SHOP_SCHEMAS},
            gateway=gateway.replace("REDIS", server.url),
        )
        for secret, text in {**SECRETS, "OIDC": issuer.client_secret}.items():
            env.setenv(secret, text)
        at = ("--project", str(project))
        made = CliRunner().invoke(bff, ["keys", "add", "--id", "partner", *at])
        key = made.stdout.strip()
        settings = Settings(
            log_level="debug",
            admin_token=f"{CANARY}admin-token",
            redis_url=server.url,
            traces=collector.settings(OTEL_EXPORTER_OTLP_HEADERS=f"api-key={CANARY}"),
        )
        with serving(name, project, settings=settings) as host:
            answers = [*forms(host, key)]
            browser = Browser(host)
            issuer.user = {"sub": "ada", "email": f"{CANARY}@login"}
            browser.log_in()
            cookie = browser.cookies["__Host-Http-bff"]
            answers.append(browser.get("/owned/2"))
            assert browser.get("/bff/user").json()["claims"]["email"] == f"{CANARY}@login"
            issuer.answer_token_with = (400, f'{{"error": "{CANARY}"}}'.encode())
            started = Browser(host)
            answers.append(started.request("GET", started.begin_login(), ("Accept", "text/html")))
            host.app.extensions["bff"].core.log.flush()
            said = capfdbinary.readouterr()
        texts = [str(span) for span in collector.spans]  # what waited went out at the end
        assert len(texts) > 30
        commands = [
            ("routes",),
            ("plan", "mine"),
            ("check",),
            ("keys", "list"),
            ("keys", "list", "--json"),
        ]
        texts += [CliRunner().invoke(bff, [*words, *at]).output for words in commands]
    tokens = [*issuer.valid_refresh_tokens, key, cookie]
    texts += [
        said.out.decode("latin-1"),
        said.err.decode("latin-1"),
        (tmp_path / "keys.json").read_text(),
    ]
    assert '"event.action":"login"' in texts[-3]
    assert {answer.status for answer in answers} >= {200, 303, 400, 401, 502, 503}
    with server.client() as client:
        client.config_set("rdbcompression", "no")
        found = list(client.scan_iter())
        assert len(found) >= 2
        texts += [(each + (client.dump(each) or b"")).decode("latin-1") for each in found]
    for text in texts:
        assert is_clean(text), text
        assert not [token for token in tokens if token in text], text
    for answer in answers:
        if b'{"error": ' not in answer.body[:12]:  # a service's own page, which a route passes on
            assert is_clean(f"{answer.headers} {answer.body.decode('latin-1')}"), answer
