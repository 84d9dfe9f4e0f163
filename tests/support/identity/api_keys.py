"""API keys for tests: new ones, their stores, and an authenticator that looks when it is told."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bff.identity.api_keys.authenticator import ApiKeys
from bff.identity.api_keys.changes import add_key
from bff.identity.api_keys.records import KeyTable, read_table
from bff.identity.api_keys.shared import RedisStore
from bff.identity.api_keys.stores import KeyStore
from bff.identity.api_keys.texts import digest_of, new_key
from bff.identity.ports import Claims, Refusal
from bff.redis.store import SharedStore
from bff.web.http.requests import GatewayRequest
from tests.support.fake_time import Clock
from tests.support.redis.server import RedisServer

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)
DAY = timedelta(days=1)

Open = Callable[[], KeyStore]

_opened: list[SharedStore] = []  # in the test that runs


def redis_store(server: RedisServer, seconds: float = 2.0) -> RedisStore:
    _opened.append(SharedStore(server.url, use="API keys", seconds=seconds))
    return RedisStore(_opened[-1], "shop", secrets.token_bytes)


def key_for(id: str, **options: Any) -> tuple[str, Callable[[KeyTable], KeyTable]]:
    """A new key, and the change that adds it."""
    key = new_key(secrets.token_bytes)
    all_options: dict[str, Any] = {
        "roles": ["partner"], "scopes": ["orders.read"], "claims": {"tenant": "acme"},
        "life": None, "now": NOW, **options,
    }  # fmt: skip
    return key, lambda table: add_key(table, id, digest_of(key), **all_options)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        try:
            async with asyncio.timeout(30):
                await test()
        finally:
            while _opened:
                await _opened.pop().close()

    asyncio.run(bounded())


async def ids_in(store: KeyStore) -> list[str]:
    found = await store.read()
    return [each.id for each in read_table(found and found.text, store.name).keys]


class Follower:
    """An authenticator over a store, with clocks that the test turns. It looks when it is told
    to."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self.clock, self.monotonic = Clock(NOW.timestamp()), Clock()
        self.keys = ApiKeys(store, self.clock, self.monotonic)

    async def __aenter__(self) -> "Follower":
        await self.keys.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.keys.close()

    def ask(self, key: str) -> Claims | Refusal:
        return self.keys.authenticate(key, GatewayRequest("GET", "/", "", ()))

    def status(self, key: str) -> tuple[int, str]:
        answer = self.ask(key)
        return (200, "") if isinstance(answer, Claims) else (answer.status, answer.detail)
