"""Requests to issuers: what is sent, whom they trust, and how much of an answer is read."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
import trustme

from bff.identity.issuers.issuers import Issuers, metadata_name
from bff.identity.issuers.metadata import may_ask
from bff.identity.issuers.requests import AT_ONCE, REPLY_BYTES, IssuerClient, IssuerDown, Question
from bff.secret import Secret
from bff.telemetry.metrics.definitions.services import ISSUER_REQUESTS
from bff.telemetry.metrics.families import Metrics
from bff.tls import TlsFiles, client_context
from tests.support.identity.issuers import StandInIssuer, stand_in_issuer
from tests.support.upstream.tls_servers import ca_file, tls_server

KEYS = Question("https://id.example", "keys")
TOKENS = Question("https://id.example", "tokens")


def test_metadata_comes_from_the_issuer_itself(issuer: StandInIssuer) -> None:
    async def run() -> None:
        issuer.publish()
        issuers = Issuers()
        found = await issuers.use_metadata(issuer.url).get()
        assert found.jwks_uri == f"{issuer.url}/jwks.json"
        await issuers.leave(metadata_name(issuer.url))
        await issuers.close()

    asyncio.run(run())


async def _get(issuer: StandInIssuer, path: str) -> Any:
    client = IssuerClient()
    try:
        return await client.get(issuer.url + path, KEYS)
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("answer", "headers", "status", "what"),
    [
        (b"<html>canary</html>", {}, 200, "answered with no JSON"),
        (b'{"canary": 1, "canary": 2}', {}, 200, "answered with no JSON"),
        (b'{"canary": NaN}', {}, 200, "answered with no JSON"),
        (b"\xff", {}, 200, "answered with no JSON"),
        (b"[" * 200_000, {}, 200, "nested too deep"),
        (b" " * (REPLY_BYTES + 1), {}, 200, "answered with more than"),
        (b"{}", {"content_encoding": "gzip"}, 200, "a coding that nobody asked for"),
        (b"{}", {"location": "/jwks.json"}, 302, "answered 302"),
        (b"{}", {}, 500, "answered 500"),
    ],
)
def test_answer_that_is_no_bounded_json_is_refused_unquoted(
    issuer: StandInIssuer, answer: bytes, headers: dict[str, str], status: int, what: str
) -> None:
    issuer.give("/odd", answer, status, **headers)
    with pytest.raises(IssuerDown, match=what) as refused:
        asyncio.run(_get(issuer, "/odd"))
    assert "canary" not in str(refused.value)


def test_form_has_the_gateways_credentials_in_a_header_and_cookies_are_not_kept(
    issuer: StandInIssuer,
) -> None:
    async def run() -> None:
        client = IssuerClient()
        issuer.give("/token", {"error": "x"}, 400, set_cookie="a=b")
        form = {"token": "a b", "hint": "ü"}
        for _ in range(2):
            reply = await client.post(
                f"{issuer.url}/token", form, TOKENS, client=("shop:1", Secret("se cret"))
            )
            assert reply == (400, {"error": "x"})
        await client.close()

    asyncio.run(run())
    method, _, headers, body = issuer.asked[-1]
    assert (method, body) == ("POST", b"token=a+b&hint=%C3%BC")
    assert headers["authorization"] == "Basic " + base64.b64encode(b"shop%3A1:se%20cret").decode()
    assert "cookie" not in headers


def test_issuer_that_hangs_or_is_gone_is_down_within_bounds(issuer: StandInIssuer) -> None:
    async def run() -> None:
        client = IssuerClient()
        issuer.hold.clear()
        with pytest.raises(IssuerDown, match="took too long"):
            await client.post(f"{issuer.url}/slow", {}, TOKENS, timeout_seconds=0.05)
        issuer.hold.set()
        with pytest.raises(IssuerDown, match="can't be reached"):
            await client.get("http://127.0.0.1:1/", KEYS)
        await client.close()

    asyncio.run(run())


def test_each_request_counts_by_the_issuer_its_purpose_and_what_went_wrong(
    issuer: StandInIssuer,
) -> None:
    metrics = Metrics()

    async def run() -> None:
        client = IssuerClient(metrics=metrics)
        issuer.give("/token", {"error": "x"}, 400)
        issuer.give("/keys", {"keys": []})
        issuer.give("/odd", b"no JSON")
        await client.get(f"{issuer.url}/keys", KEYS)
        await client.post(f"{issuer.url}/token", {}, TOKENS)
        for url in (f"{issuer.url}/odd", "http://127.0.0.1:1/"):
            with pytest.raises(IssuerDown):
                await client.get(url, KEYS)
        issuer.hold.clear()
        with pytest.raises(IssuerDown):
            await client.post(f"{issuer.url}/token", {}, TOKENS, timeout_seconds=0.05)
        with pytest.raises(TimeoutError):  # of whoever asks
            async with asyncio.timeout(0.05):
                await client.post(f"{issuer.url}/token", {}, TOKENS)
        issuer.hold.set()
        await client.close()

    asyncio.run(run())
    series = metrics.histogram(ISSUER_REQUESTS).series
    assert {labels: sum(cell[:-1]) for labels, cell in series.items()} == {
        (*KEYS, ""): 1,
        (*KEYS, "protocol"): 1,
        (*KEYS, "unreachable"): 1,
        (*TOKENS, "400"): 1,
        (*TOKENS, "cancelled"): 1,
        (*TOKENS, "timeout"): 1,
    }
    assert series[*TOKENS, "timeout"][-1] >= 0.05


def test_issuer_that_hangs_holds_up_no_other(issuer: StandInIssuer) -> None:
    async def run(other: StandInIssuer) -> None:
        client = IssuerClient()
        issuer.hold.clear()
        hanging = [
            asyncio.create_task(client.post(f"{issuer.url}/slow", {}, TOKENS))
            for _ in range(AT_ONCE)
        ]
        await asyncio.sleep(0)
        other.give("/keys", {"keys": []})
        assert await client.get(f"{other.url}/keys", KEYS) == {"keys": []}
        assert not any(each.done() for each in hanging)
        issuer.hold.set()
        await asyncio.gather(*hanging, return_exceptions=True)
        await client.close()

    with stand_in_issuer() as other:
        asyncio.run(run(other))


@pytest.mark.parametrize(
    "url", ["https://999.1.1.1/jwks", "https://xn--/", "https://[v1.a]/", "https://[::1]x/"]
)
def test_address_that_only_looks_like_one_is_trouble_of_the_issuers(url: str) -> None:
    """Metadata may name it."""

    async def run() -> None:
        client = IssuerClient()
        for asked in (client.get(url, KEYS), client.post(url, {}, TOKENS)):
            with pytest.raises(IssuerDown, match="an address that can't be asked"):
                await asked
        await client.close()

    assert may_ask(url, "https://id.example")
    asyncio.run(run())


def test_proxy_of_the_environment_is_not_asked(
    issuer: StandInIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    issuer.give("/jwks.json", {"keys": []})
    assert asyncio.run(_get(issuer, "/jwks.json")) == {"keys": []}


def test_issuer_whose_certificate_nobody_vouches_for_is_down(tmp_path: Path) -> None:
    trusted, other = trustme.CA(), trustme.CA()
    context = client_context(TlsFiles(ca=ca_file(tmp_path, trusted)))

    async def run() -> None:
        client = IssuerClient(lambda: context)
        async with tls_server(trusted, "127.0.0.1") as right, tls_server(other, "127.0.0.1") as bad:
            assert await client.get(f"https://127.0.0.1:{right.port}/jwks", KEYS) == 12
            with pytest.raises(IssuerDown, match="can't be reached"):
                await client.get(f"https://127.0.0.1:{bad.port}/jwks", KEYS)
            assert bad.heads == []
        await client.close()

    asyncio.run(run())
