"""Callers and memory: who is known waits for nothing that is kept, and gets nobody else's."""

import asyncio
from pathlib import Path

from bff.identity.ports import Claims
from bff.identity.provider import BearerToken, ConfiguredProvider, CredentialKindReader
from bff.plan.compiler.project import compile_project
from bff.plan.model.identity import NO_IDENTITY
from bff.settings import Settings
from bff.web.gateway import Gateway
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Pending
from tests.support.identity.callers import Credentials
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

MINE = """
    endpoint: GET /mine
    access: {when: "${claims.id && claims.id != `3`}"}
    steps: {user: {call: shop.get_user, with: {id: '${claims.id}'}}}
    cache: {ttl: 5m}
    """
KNOWN = {
    name: Claims("token", {"id": number}, name)
    for number, name in enumerate(("ann", "bo", "cy"), 1)
}


def request(token: str) -> GatewayRequest:
    headers = [(b"host", b"here"), (b"authorization", f"Bearer {token}".encode())]
    return GatewayRequest("GET", "/mine", "", headers)


async def gateway_over(folder: Path, url: str, **settings: str) -> Gateway:
    kinds = [CredentialKindReader(BearerToken(), Credentials(KNOWN))]
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", url)}
    project = compile_project(write_project(folder, {"mine": MINE}, services=services))
    gateway = Gateway(
        project,
        Settings(log_level="error", **settings),
        identity=ConfiguredProvider(NO_IDENTITY, kinds),
    )
    await gateway.open()
    return gateway


async def ask(gateway: Gateway, token: str) -> Reply:
    begun = gateway.begin(request(token))
    assert begun is not None
    return await begun.reply() if isinstance(begun, Pending) else begun


def test_private_payload_in_memory_and_refusals_are_answered_within_begin(tmp_path: Path) -> None:
    async def main() -> None:
        with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
            gateway = await gateway_over(tmp_path, upstream.url)
            for _ in range(2):  # before the line is remembered, and after
                for token, status in (("cy", 403), ("nobody", 401)):
                    refused = gateway.begin(request(token))
                    assert isinstance(refused, Reply)
                    assert refused.status == status
                begun = gateway.begin(request("ann"))
                if isinstance(begun, Pending):
                    assert (await begun.reply()).status == 200
            hit = gateway.begin(request("ann"))
            assert isinstance(hit, Reply)
            assert hit.status == 200
            late = gateway.begin(request("late-ann"))
            assert isinstance(late, Pending)
            assert (await late.reply()).body == hit.body
            assert len(upstream.requests) == 1
            await gateway.close()

    asyncio.run(main())


def test_payload_in_redis_is_its_callers_in_every_worker(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        shop = {f"/users/{n}": json_reply(f'{{"id": {n}, "first_name": "{n}"}}') for n in (1, 2)}
        with WireServer(shop) as upstream:
            workers = [await gateway_over(tmp_path, upstream.url, redis_url=url) for _ in range(2)]
            for name in ("ann", "bo"):
                bodies = {(await ask(each, name)).body for each in workers}
                assert len(bodies) == 1
                assert f'"firstName":"{KNOWN[name].claims["id"]}"'.encode() in bodies.pop()
            assert len(upstream.requests) == 2, "the other worker has it of Redis"
            for worker in workers:
                assert (await ask(worker, "cy")).status == 403
                assert (await ask(worker, "nobody")).status == 401
                await worker.close()

    with RedisServer() as redis:
        asyncio.run(main(redis.url))
