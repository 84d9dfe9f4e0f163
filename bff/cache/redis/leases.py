"""Who makes a payload, of all the workers that miss it at once: one lock per key, in Redis.

A lock has a token, so that nobody releases another's, and an expiry, so that a dead leader's
goes away by itself. It is an agreement to save work, no guarantee: a leader that is slower than the
lock's life may be followed by a second one, and both are right. Synchronous; safe between threads;
raises redis-py's errors.
"""

import secrets
from typing import NamedTuple

from bff.cache.redis.clients import Client
from bff.cache.shared.backends import KEY_PREFIX

# Redis's own clock is asked for: workers on several machines compare what they did and what was
# purged by it. The scripts travel with each call: 150 bytes, and none can be missing.
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
    """The right to make what a key stands for. `token` is empty where no lock was to be had, and
    the caller makes it all the same; `began_at` is by the store's clock, seconds since the epoch.
    """

    key: str
    token: str
    began_at: float


class Leases:
    """The locks of one Redis."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def take(self, key: str, life_seconds: float) -> Lease | None:
        """The lead, None when another worker has it."""
        token = secrets.token_hex(8)
        taken, seconds, microseconds = self._client.eval(
            _TAKE, 1, _lock(key), token, max(1, int(life_seconds * 1000))
        )
        return Lease(key, token, int(seconds) + int(microseconds) / 1e6) if taken else None

    def is_taken(self, key: str) -> bool:
        """Whether some worker leads."""
        return bool(self._client.exists(_lock(key)))

    def release(self, lead: Lease) -> None:
        """Give the lead back; nothing happens where it has gone already."""
        self._client.eval(_RELEASE, 1, _lock(lead.key), lead.token)


def _lock(key: str) -> str:
    return f"{KEY_PREFIX}{key}:lead"
