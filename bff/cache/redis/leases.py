"""Which worker makes a payload, of all that miss it at once: one lock per key, in Redis.

A lock has a token, so that nobody releases another's, and an expiry, so that a dead worker's lock
ends by itself. It saves work and guarantees nothing: a worker that takes longer than the lock
lives may be followed by a second one, and both are right. Synchronous; safe between threads;
raises redis-py's errors.
"""

import secrets
from typing import NamedTuple

from bff.redis.clients import KEY_PREFIX, Client

# The script returns Redis's own time: workers on several machines compare by it what they did and
# what was purged. The scripts travel with each call: 150 bytes, and none can be missing.
_TAKE = """\
local taken = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
local time = redis.call('TIME')
return {taken and 1 or 0, time[1], time[2]}
"""
_RELEASE = """\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Lease(NamedTuple):
    """The right to make what a key stands for. `token` is empty where there is no lock, and the
    caller makes it all the same; `began_at` is by the store's clock, in seconds since the epoch.
    """

    key: str
    token: str
    began_at: float


class Leases:
    """The locks of one Redis."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def take(self, key: str, life_seconds: float) -> Lease | None:
        """The lease, None when another worker has it."""
        token = secrets.token_hex(8)
        taken, seconds, microseconds = self._client.eval(
            _TAKE, 1, _lock(key), token, max(1, int(life_seconds * 1000))
        )
        return Lease(key, token, int(seconds) + int(microseconds) / 1e6) if taken else None

    def is_taken(self, key: str) -> bool:
        """Whether some worker has the lease."""
        return bool(self._client.exists(_lock(key)))

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens where it has ended already."""
        self._client.eval(_RELEASE, 1, _lock(lease.key), lease.token)


def _lock(key: str) -> str:
    return f"{KEY_PREFIX}{key}:lease"
