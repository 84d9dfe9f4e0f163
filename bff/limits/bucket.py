"""A token bucket in Redis: one script, by Redis's clock.

A bucket that is full has no key. Else its key holds the tokens and the time when they were counted,
and ends when the bucket is full again. A refusal writes nothing: refills by parts of a token would
be lost to rounding.
"""

import hashlib
from typing import NamedTuple

from bff.limits.ports import Exceeded
from bff.plan.model.limits import Limit
from bff.redis.clients import KEY_PREFIX
from bff.redis.store import Script, SharedStore

_PREFIX = f"{KEY_PREFIX}limit"

# A clock that was set back refills nothing, and is believed from then on. A value that isn't ours
# counts as a full bucket.
_TAKE = Script("""\
local wanted, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local tokens, at = burst, now
local state = redis.call('GET', KEYS[1])
if state then
  local then_tokens, then_at = string.match(state, '^(%S+) (%S+)$')
  then_tokens, then_at = tonumber(then_tokens), tonumber(then_at)
  if then_tokens and then_at and then_tokens == then_tokens and then_at == then_at then
    at = then_at
    tokens = then_tokens + math.max(0, now - at) * rate
    tokens = math.max(0, math.min(burst, tokens))
  end
end
local taken = math.min(wanted, math.floor(tokens))
tokens = math.min(burst, tokens - taken)
if taken ~= 0 or at > now then
  if tokens >= burst then
    redis.call('DEL', KEYS[1])
  else
    local life = string.format('%.0f', math.ceil((burst - tokens) / rate * 1000))
    redis.call('SET', KEYS[1], string.format('%.17g %.6f', tokens, now), 'PX', life)
  end
end
local wait = 0
if tokens < 1 then wait = math.ceil((1 - tokens) / rate * 1000) end
return {taken, math.floor(tokens), wait}
""")


class Taken(NamedTuple):
    """What was taken of a bucket, what is left in it, and the seconds until there is one token."""

    tokens: int
    left: int
    wait_seconds: float


class RedisBuckets:
    """The buckets of one limit. Its methods raise `StoreDown`."""

    def __init__(self, store: SharedStore, limit: Limit) -> None:
        self._store = store
        self._limit = limit

    async def take(self, key: str, wanted: int) -> Taken:
        """Take so many tokens, or as many as there are. Fewer than none are given back."""
        limit = self._limit
        args = (wanted, repr(limit.rate), limit.burst)
        taken, left, wait_ms = await self._store.run(_TAKE, (redis_key(limit, key),), args)
        return Taken(taken, left, wait_ms / 1000)


def redis_key(limit: Limit, key: str) -> str:
    """Where Redis counts: of one length, and without what says who it is."""
    digest = hashlib.blake2b(f"{limit.digest}:{key}".encode(), digest_size=16).hexdigest()
    return f"{_PREFIX}:{digest}"


def exceeded(wait_seconds: float) -> Exceeded:
    """The verdict where the next token comes in so many seconds."""
    return Exceeded(max(1, -int(-wait_seconds // 1)))
