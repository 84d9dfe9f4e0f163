"""Sessions in Redis, and what must be true of them in every worker.

Rules:
1. A session is a hash under its handle: its record, which only the gateway's keys open, the end and
   the last use, and a version, which grows with each refresh. Redis forgets it at its end, and
   when it was not used for the idle time.
2. A use moves the idle end, in the same script that reads the record. The end that was sealed with
   the record holds whatever stands beside it: who can write to Redis prolongs no session. A Redis
   that is full refuses to note the time of the use; the session is read all the same, and ends with
   the idle time at the latest.
3. Who refreshes holds the session's lock. It is a random word with an expiry, so that a worker that
   dies blocks nobody; a word that is not in the lock any more writes nothing.
4. A refresh never brings back a session that was ended meanwhile.
5. For the issuer's logout, the handles stand in an index by its `sid` and in one by the subject.
   An index has `MOST_SESSIONS` handles: beyond that the session that began first ends.
6. A logout token is good once: its `jti` is noted in the script that ends the sessions.

All keys have one hash tag, so that a cluster keeps them in one slot and scripts reach them. Times
are seconds since the epoch, by the workers' clocks. Every method raises `StoreDown`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from bff.identity.sessions.session import Session, SessionKeys
from bff.redis.store import Script, SharedStore

MOST_SESSIONS: Final = 100  # of one subject, and of one session of the issuer's
LOCK_SECONDS: Final = 20.0  # longer than a refresh may take
HOLD_SECONDS: Final = 1.0  # a refresh that failed is not tried again so soon

# Numbers are read as they stand in the hash: Lua cuts what it converts to fewer digits.
_CREATE: Final = Script("""
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'ends', ARGV[2], 'seen', ARGV[3], 'version', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
for i = 2, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[3])
  redis.call('ZADD', KEYS[i], ARGV[4], ARGV[5])
  local over = redis.call('ZCARD', KEYS[i]) - tonumber(ARGV[6])
  if over > 0 then
    for _, handle in ipairs(redis.call('ZRANGE', KEYS[i], 0, over - 1)) do
      redis.call('DEL', ARGV[9] .. handle)
    end
    redis.call('ZREMRANGEBYRANK', KEYS[i], 0, over - 1)
  end
  redis.call('PEXPIRE', KEYS[i], ARGV[8])
end
return 1
""")

_USE: Final = Script("""
local found = redis.call('HMGET', KEYS[1], 'record', 'version', 'ends', 'seen')
if not found[1] then return false end
local now, idle = tonumber(ARGV[1]), tonumber(ARGV[2])
local left = math.min(tonumber(found[3]) - now, idle)
if left <= 0 or now >= tonumber(found[4]) + idle then
  redis.call('DEL', KEYS[1])
  return false
end
redis.pcall('HSET', KEYS[1], 'seen', ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(left * 1000))
return {found[1], found[2]}
""")

_LOCK: Final = Script("""
local found = redis.call('HMGET', KEYS[1], 'record', 'version')
if not found[1] then return {'ended'} end
if found[2] ~= ARGV[1] then return {'refreshed', found[1], found[2]} end
local holder = redis.call('GET', KEYS[2])
if holder == 'failed' then return {'failed'} end
if holder then return {'busy'} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {'yours'}
""")

_RENEW: Final = Script("""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'ends', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return redis.call('HINCRBY', KEYS[1], 'version', 1)
""")

_FAIL: Final = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], 'failed', 'PX', ARGV[2])
end
return 1
""")

_END: Final = Script("""
for i = 3, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1])
""")

_END_ALL: Final = Script("""
if not redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[2]) then return -1 end
local ended = 0
for _, handle in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if not KEYS[3] or redis.call('ZSCORE', KEYS[3], handle) then
    redis.call('ZREM', KEYS[2], handle)
    if KEYS[3] then redis.call('ZREM', KEYS[3], handle) end
    ended = ended + redis.call('DEL', ARGV[1] .. handle)
  end
end
return ended
""")


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it was read, and the version of its record."""

    session: Session
    version: str


Locked = StoredSession | Literal["yours", "busy", "failed", "ended"]
"""Who refreshes a session: the one who asked; somebody else; nobody, since it has just failed, or
since the session has ended. A session, where it was refreshed since."""


class SessionStore:
    """The sessions of one client of an issuer's at one public address; `namespace` names these.
    Belongs to the event loop of `store`."""

    def __init__(
        self,
        store: SharedStore,
        keys: SessionKeys,
        namespace: str,
        idle_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = keys
        self._prefix = f"{{bff:sessions:{namespace}}}:"
        self._idle_seconds = idle_seconds
        self._clock = clock

    async def create(self, handle: str, session: Session) -> None:
        """Store a new session."""
        now = self._clock()
        await self._store.run(
            _CREATE,
            [self._session(handle), *self._indexes(session)],
            [
                self._keys.seal(handle, session),
                session.ends_at,
                now,
                session.latest_end,
                handle,
                MOST_SESSIONS,
                self._life(session, now),
                _milliseconds(session.latest_end - now),
                self._session(""),
            ],
        )

    async def use(self, handle: str) -> StoredSession | None:
        """The session, which is used now; None where there is none, or none any more."""
        found = await self._store.run(
            _USE, [self._session(handle)], [self._clock(), self._idle_seconds]
        )
        return None if found is None else self._opened(handle, *found)

    async def lock(self, handle: str, version: str, word: str) -> Locked:
        """Take the lock of a session whose record has this version, with a new random word."""
        found = await self._store.run(
            _LOCK,
            [self._session(handle), self._lock(handle)],
            [version, word, _milliseconds(LOCK_SECONDS)],
        )
        match found:
            case [b"yours"]:
                return "yours"
            case [b"busy"]:
                return "busy"
            case [b"failed"]:
                return "failed"
            case [b"refreshed", record, newer]:
                return self._opened(handle, record, newer) or "ended"
        return "ended"

    async def renew(self, handle: str, session: Session, word: str) -> StoredSession | None:
        """Store what a refresh brought, and release the lock; None where the session is not there
        any more, or its lock not held with this word."""
        version = await self._store.run(
            _RENEW,
            [self._session(handle), self._lock(handle)],
            [
                word,
                self._keys.seal(handle, session),
                session.ends_at,
                self._life(session, self._clock()),
            ],
        )
        return StoredSession(session, str(version)) if version else None

    async def note_failure(self, handle: str, word: str) -> None:
        """A refresh failed: nobody tries again for `HOLD_SECONDS`."""
        await self._store.run(_FAIL, [self._lock(handle)], [word, _milliseconds(HOLD_SECONDS)])

    async def end(self, handle: str, session: Session | None = None) -> bool:
        """End a session; whether there was one. `session` is what it was, where that is known."""
        indexes = [] if session is None else self._indexes(session)
        keys = [self._session(handle), self._lock(handle), *indexes]
        return bool(await self._store.run(_END, keys, [handle]))

    async def end_all(
        self, jti: str, *, sid: str | None, subject: str | None, seconds: float
    ) -> int | None:
        """End the sessions that fit what is given of both names; returns how many these were, None
        where a token with this `jti` did so before. It is noted for `seconds`."""
        indexes = [
            self._index(kind, name)
            for kind, name in (("sid", sid), ("sub", subject))
            if name is not None
        ]
        ended: int = await self._store.run(
            _END_ALL,
            [f"{self._prefix}jti:{_hashed(jti)}", *indexes],
            [self._session(""), _milliseconds(seconds)],
        )
        return None if ended < 0 else ended

    def _opened(self, handle: str, record: bytes, version: bytes) -> StoredSession | None:
        session = self._keys.open(handle, record)
        if session is None or self._clock() >= session.ends_at:
            return None
        return StoredSession(session, version.decode("latin-1"))

    def _life(self, session: Session, now: float) -> int:
        return _milliseconds(min(session.ends_at - now, self._idle_seconds))

    def _session(self, handle: str) -> str:
        return f"{self._prefix}session:{handle}"

    def _lock(self, handle: str) -> str:
        return f"{self._prefix}lock:{handle}"

    def _indexes(self, session: Session) -> list[str]:
        by_subject = self._index("sub", session.subject)
        sid = session.issuers_sid
        return [by_subject] if sid is None else [self._index("sid", sid), by_subject]

    def _index(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{_hashed(name)}"


def _hashed(name: str) -> str:
    """A name as a key of Redis has it: short, of any characters, and not to be read there."""
    return hashlib.sha256(name.encode()).hexdigest()


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
