"""Which keys have a tag, in Redis, so that a purge finds them without a scan.

For each tag there are two keys: the sorted set of the entries' keys that have it, by when each
ends, and for a minute after a purge, when that was. That closes the gap between a run and a purge:

    purge    note the time, then read the set, then delete what it names, there and from the set
    put      write entry and set, then read the notes; one that is younger than the run's begin
             means that the entry may hold what was true before, and it is deleted again

Whichever comes first, no entry is left that was begun before a purge. Synchronous; safe between
threads; raises redis-py's errors.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from redis import RedisCluster

from bff.cache.redis.clients import Client
from bff.cache.shared.backends import KEY_PREFIX

# Longer than any run: a deadline is 15 s at most.
REMEMBERED_SECONDS = 60
CHANNEL = f"{KEY_PREFIX}purged"

_AT_ONCE = 500  # even, so that a score stays with its member

# Expired members go on the way, ten at a time, so that a set that is written to stays as large as
# what it names; the set itself ends with its last member.
_ADD = """\
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local now = redis.call('TIME')[1]
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. now, 'LIMIT', 0, 10)) do
  redis.call('ZREM', KEYS[1], old)
end
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] then redis.call('EXPIREAT', KEYS[1], math.ceil(tonumber(last[2])) + 1) end
return 1
"""
# DEL first: a full Redis lets a script go on that has written already, and takes no SET before.
_NOTE = """\
local time = redis.call('TIME')
local at = string.format('%.6f', time[1] + time[2] / 1000000)
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[2], at, 'EX', ARGV[1])
return {at, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')}
"""
# What was stored anew since it was read has another score, and stays. ZMSCORE takes Redis 6.2.
_FORGET = """\
local members, gone = {}, {}
for i = 1, #ARGV, 2 do members[#members + 1] = ARGV[i] end
for i, score in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(members))) do
  if score == ARGV[2 * i] then gone[#gone + 1] = members[i] end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
return 1
"""


class TagIndex:
    """The tags of one Redis."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, tags: Iterable[str], key: str, ends_at: float) -> None:
        """Note that the entry `key` has these tags until `ends_at`, seconds since the epoch."""
        pipeline = self._client.pipeline(transaction=False)
        for tag in tags:
            # Not `eval`, which a cluster's pipeline doesn't have.
            pipeline.execute_command("EVAL", _ADD, 1, _members(tag), key, f"{ends_at:.3f}")
        pipeline.execute()

    def were_purged(self, tags: Iterable[str], since: float) -> bool:
        """Whether any of the tags was purged at `since` or later."""
        pipeline = self._client.pipeline(transaction=False)
        for tag in tags:
            pipeline.get(_purged(tag))
        return any(_time(at) >= since for at in pipeline.execute() if at is not None)

    def purge(
        self, tags: Sequence[str], noted: Callable[[float], None] = lambda at: None
    ) -> tuple[float, int]:
        """Delete every entry that has one of the tags.

        Gives the time of the purge, by Redis's clock, and how many entries there were. The time
        goes to `noted` as soon as it is known, before anything is deleted.
        """
        latest, found = 0.0, dict[str, list[bytes]]()  # members and scores by turns
        for tag in tags:
            at, found[tag] = self._client.eval(
                _NOTE, 2, _members(tag), _purged(tag), REMEMBERED_SECONDS
            )
            latest = max(latest, float(at))
        noted(latest)
        gone = 0
        for keys in _parts(sorted({key for named in found.values() for key in named[::2]})):
            gone += self._delete([KEY_PREFIX.encode() + key for key in keys])
        # Last: a purge that is cut off before this finds all of it again.
        for tag, named in found.items():
            for part in _parts(named):
                self._client.eval(_FORGET, 1, _members(tag), *part)
        return latest, gone

    def _delete(self, keys: list[bytes]) -> int:
        if not isinstance(self._client, RedisCluster):
            return int(self._client.unlink(*keys))  # one by one took five times as long
        pipeline = self._client.pipeline()  # type: ignore[no-untyped-call]
        for key in keys:
            pipeline.unlink(key)
        return int(sum(pipeline.execute()))


def _parts(whole: list[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]


def _time(note: bytes) -> float:
    try:
        return float(note)
    except ValueError:  # not ours: there is no telling
        return math.inf


def _members(tag: str) -> str:
    return f"{KEY_PREFIX}{{{_digest(tag)}}}:keys"


def _purged(tag: str) -> str:
    return f"{KEY_PREFIX}{{{_digest(tag)}}}:purged"


def _digest(tag: str) -> str:
    # Of one length, and without what a tag may say of a user.
    return hashlib.blake2b(tag.encode(), digest_size=16).hexdigest()
