"""Which keys have a tag, in Redis, so that a purge finds them without a scan.

Four kinds of keys serve one namespace. They share one hash slot of a cluster, so that one script
reads and writes all that one purge needs:

    …:tag:<digest>   the keys of the entries that have the tag, scored by the time when each ends
    …:purged         the digests of the tags purged within the last minute, scored by the time of
                     the purge: the notes
    …:everything     the time of the last purge of everything that has tags
    …:run            the id of the Redis process that has the tags

They close the gap between a run and a purge:

    purge    write the notes, then read the sets, then delete what they name, there and in the sets
    write    write sets and entry, then read the notes; a note that is younger than the run's begin
             means that the entry may hold older data, and it is deleted again

Whichever comes first, no entry stays whose run began before a purge. A purge of everything deletes
nothing: it takes the same time whatever is stored, and who reads an entry compares the times.

A Redis that was started from a snapshot, and a replica that took over, may lack the last purges and
hold the entries that these deleted. So another process than the one in `…:run` counts as a purge of
everything. That key lives as long as any entry with tags.
Synchronous; safe between threads; raises redis-py's errors.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from redis import RedisCluster
from redis.exceptions import ResponseError

from bff.cache.shared.envelope import MAX_TTL_SECONDS
from bff.redis.clients import KEY_PREFIX, Client

# Longer than any run: a deadline is 15 s at most.
REMEMBERED_SECONDS = 60

# More notes than this, and the oldest of them counts as a purge of everything until then.
_MOST_NOTES = 100_000
# Entries that one round of a purge deletes. Redis serves others between two rounds.
_AT_ONCE = 500
_SETS_AT_ONCE = 100  # that one script adds an entry to: 1 ms
_EVERYTHING_SECONDS = int(MAX_TTL_SECONDS) + 3600  # longer than any entry

# Members that have ended go on the way, ten at a time, so that a set that is written to stays as
# large as what it names; the set itself ends with its last member.
_ADD = """\
local now = redis.call('TIME')[1]
redis.call('EXPIRE', table.remove(KEYS), ARGV[3])
for _, set in ipairs(KEYS) do
  redis.call('ZADD', set, ARGV[2], ARGV[1])
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', '(' .. now, 'LIMIT', 0, 10)) do
    redis.call('ZREM', set, old)
  end
  local last = redis.call('ZREVRANGE', set, 0, 0, 'WITHSCORES')
  if last[2] then redis.call('EXPIREAT', set, math.ceil(tonumber(last[2])) + 1) end
end
return 1
"""
# A removal first: a full Redis lets a script go on that has written already, and takes no write
# that needs memory before. Notes of another type are not ours.
_NOTE = """\
local time = redis.call('TIME')
local at = string.format('%.6f', time[1] + time[2] / 1000000)
if redis.call('TYPE', KEYS[1])['ok'] == 'zset' then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (at - ARGV[1]))
else
  redis.call('DEL', KEYS[1])
end
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], at, ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
local surplus = redis.call('ZCARD', KEYS[1]) - ARGV[2]
if surplus > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[1], surplus)
  local until_then, known = oldest[#oldest], redis.call('GET', KEYS[2])
  if not known or (tonumber(known) or 0) < tonumber(until_then) then
    redis.call('SET', KEYS[2], until_then, 'EX', ARGV[3])
  end
end
return at
"""
_NOTE_EVERYTHING = """\
local time = redis.call('TIME')
local at = string.format('%.6f', time[1] + time[2] / 1000000)
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], at, 'EX', ARGV[1])
return at
"""
# Members and scores that were deleted go in; what is to be deleted next comes out. A member that
# was stored anew meanwhile has another score, and stays.
_NEXT = """\
for i = 2, #ARGV, 3 do
  local set = KEYS[tonumber(ARGV[i])]
  if redis.call('ZSCORE', set, ARGV[i + 1]) == ARGV[i + 2] then
    redis.call('ZREM', set, ARGV[i + 1])
  end
end
local room, found = tonumber(ARGV[1]), {}
for index, set in ipairs(KEYS) do
  if room == 0 then break end
  local named = redis.call('ZRANGE', set, 0, room - 1, 'WITHSCORES')
  for i = 1, #named, 2 do
    found[#found + 1], found[#found + 2], found[#found + 3] = index, named[i], named[i + 1]
    room = room - 1
  end
end
return found
"""


class TagIndex:
    """The tags of one namespace in one Redis."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._prefix = f"{KEY_PREFIX}{{{namespace}}}"
        self._notes = f"{self._prefix}:purged"
        self._everything = f"{self._prefix}:everything"
        self._run = f"{self._prefix}:run"

    def add(self, tags: Iterable[str], key: str, ends_at: float) -> None:
        """Note that the entry `key` has these tags until `ends_at`, seconds since the epoch."""
        sets = [self._set(tag) for tag in tags]
        for start in range(0, len(sets), _SETS_AT_ONCE):
            part = sets[start : start + _SETS_AT_ONCE]
            keys = (*part, self._run)
            self._client.eval(_ADD, len(keys), *keys, key, f"{ends_at:.3f}", _EVERYTHING_SECONDS)

    def were_purged(self, tags: Iterable[str], since: float) -> bool:
        """Whether any of the tags was purged at `since` or later."""
        scores: Any = self._client.zmscore(self._notes, [_digest(tag) for tag in tags])
        if any(at is not None and at >= since for at in scores):
            return True
        return self.everything_purged_at() >= since

    def notice_restart(self) -> None:
        """Make all entries that have tags void where another process holds them than last time."""
        try:
            run: Any = _run_id(self._client)
        except ResponseError:  # not everybody may ask for it
            return
        known: Any = self._client.get(self._run)
        if known == run:
            return
        if known is not None:
            self.purge_everything()
        self._client.set(self._run, run, ex=_EVERYTHING_SECONDS)

    def everything_purged_at(self) -> float:
        """The time of the last purge of everything, by Redis's clock; minus infinity without one,
        and infinity where the value is not ours."""
        at: Any = self._client.get(self._everything)
        if at is None:
            return -math.inf
        try:
            return float(at)
        except ValueError:
            return math.inf

    def purge(
        self, tags: Collection[str], noted: Callable[[float], None] = lambda at: None
    ) -> tuple[float, int]:
        """Delete every entry that has one of the tags, `MOST_TAGS` at most.

        Returns the time of the purge, by Redis's clock, and how many entries there were. `noted` is
        called with the time as soon as it is known, before anything is deleted.
        """
        bounds = (REMEMBERED_SECONDS, _MOST_NOTES, _EVERYTHING_SECONDS)
        digests = [_digest(tag) for tag in tags]
        at = float(self._client.eval(_NOTE, 2, self._notes, self._everything, *bounds, *digests))
        noted(at)
        sets = [self._set(tag) for tag in tags]
        gone, found = 0, self._next(sets, ())
        while found:
            gone += self._delete(set(found[1::3]))
            # After the entries: a purge that is cut off before this finds all of them again.
            is_last = len(found) < 3 * _AT_ONCE
            found = self._next(sets, found)
            if is_last:  # what is there now was stored since
                break
        return at, gone

    def purge_everything(self) -> float:
        """Make all entries that have tags void; returns the time of the purge, by Redis's clock."""
        return float(self._client.eval(_NOTE_EVERYTHING, 1, self._everything, _EVERYTHING_SECONDS))

    def _next(self, sets: list[str], deleted: Sequence[Any]) -> list[Any]:
        """Forget what was deleted, and read what is to be deleted next: the number of a set, a
        member and its score by turns."""
        found: list[Any] = self._client.eval(_NEXT, len(sets), *sets, _AT_ONCE, *deleted)
        return found

    def _delete(self, keys: Iterable[bytes]) -> int:
        full = [KEY_PREFIX.encode() + key for key in keys]
        if not isinstance(self._client, RedisCluster):
            return int(self._client.unlink(*full))  # one by one took five times as long
        pipeline = self._client.pipeline()  # type: ignore[no-untyped-call]
        for key in full:
            pipeline.unlink(key)
        return int(sum(pipeline.execute()))

    def _set(self, tag: str) -> str:
        return f"{self._prefix}:tag:{_digest(tag)}"


def _run_id(client: Client) -> bytes:
    """The id of the process; of a cluster, those of all primaries."""
    if isinstance(client, RedisCluster):
        nodes = client.info("server", target_nodes=RedisCluster.PRIMARIES)
        return ",".join(sorted(node["run_id"] for node in nodes.values())).encode()
    return str(client.info("server")["run_id"]).encode()


def _digest(tag: str) -> str:
    # Of one length, and without what a tag may say of a user.
    return hashlib.blake2b(tag.encode(), digest_size=16).hexdigest()
