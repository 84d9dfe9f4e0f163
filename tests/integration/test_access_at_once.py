"""What a caller who is known at once waits for: nothing, where memory has it or it is refused."""

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
from tests.support.callers import Credentials
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply

MINE = """
    endpoint: GET /mine
    access: {when: "${claims.id && claims.id != `2`}"}
    steps: {user: {call: shop.get_user, with: {id: '${claims.id}'}}}
    cache: {ttl: 5m}
    """
KNOWN = {
    name: Claims("token", {"id": number}, name) for number, name in enumerate(("ann", "bo"), 1)
}


def request(token: str) -> GatewayRequest:
    headers = [(b"host", b"here"), (b"authorization", f"Bearer {token}".encode())]
    return GatewayRequest("GET", "/mine", "", headers)


def test_private_payload_in_memory_and_refusals_are_answered_within_begin(tmp_path: Path) -> None:
    async def main() -> None:
        kinds = [CredentialKindReader(BearerToken(), Credentials(KNOWN))]
        with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
            services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
            project = compile_project(write_project(tmp_path, {"mine": MINE}, services=services))
            provider = ConfiguredProvider(NO_IDENTITY, kinds)
            gateway = Gateway(project, Settings(log_level="error"), identity=provider)
            await gateway.open()
            for _ in range(2):  # before the line is remembered, and after
                for token, status in (("bo", 403), ("nobody", 401)):
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
