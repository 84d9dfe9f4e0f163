"""API keys in the Redis that gateways share.

Rules:
1. All keys are one text, under one name, with a version that each change replaces. To see whether
   anything changed costs one short command.
2. A change is stored only over the version that it was made of; else it is made anew.
3. The text has no end of its life: in a Redis that evicts by LRU whatever it has, keys may be lost.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from bff.identity.api_keys.records import MOST_BYTES, ApiKeyError, read_table, write_table
from bff.identity.api_keys.stores import Change, StoredText
from bff.redis.store import Script, SharedStore

_VERSION_BYTES: Final = 16
_ATTEMPTS: Final = 20
_NOTHING: Final = b""  # the version where nothing is stored

# What somebody planted is read no further than a byte beyond the bound.
_READ: Final = Script("""\
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version == ARGV[1] then return false end
local text = redis.call('HGET', KEYS[1], 'keys')
return {version, text and string.sub(text, 1, ARGV[2])}
""")

_REPLACE: Final = Script("""\
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'keys', ARGV[3])
return 1
""")


class RedisStore:
    """Keys in Redis, apart from those of other namespaces. `random_bytes` makes versions. Belongs
    to the event loop of `store`."""

    def __init__(
        self, store: SharedStore, namespace: str, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.name = f"Redis, as {namespace}"
        self._store = store
        # Not under the cache's prefix, which changes with each format of what is cached.
        self._key = f"bff:api_keys:{{{namespace}}}"
        self._random_bytes = random_bytes

    async def read(self, seen: Any = None) -> StoredText | None:
        """See `KeyStore.read`."""
        known = b"-" if seen is None else seen
        found = await self._store.run(_READ, (self._key,), (known, MOST_BYTES + 1))
        if found is None:
            return None
        version, text = found
        return StoredText(text, version)

    async def update(self, change: Change) -> None:
        """See `KeyStore.update`."""
        for _ in range(_ATTEMPTS):
            found = await self.read()
            text, version = found if found is not None else (None, _NOTHING)
            table = change(read_table(text, self.name))
            wanted = (version, self._random_bytes(_VERSION_BYTES), write_table(table, self.name))
            if await self._store.run(_REPLACE, (self._key,), wanted):
                return
            await asyncio.sleep(0)
        raise ApiKeyError("Other commands change the keys all the time. Try again.")
