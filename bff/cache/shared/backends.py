"""Flask-Caching's backends for our own bytes. None of them loads a pickle, whoever planted it.

Redis in its three forms is one class over three clients. `CACHE_TYPE` may name one of three others
(`open_backend`); they have neither locks nor tags. Every other backend is refused: Memcached's
clients load a pickle wherever a flag of the stored value asks for it, and a pickle runs code.
Nothing is ever cleared: Flask-Caching's `clear()` may flush a whole database.
"""

from collections.abc import Mapping
from typing import IO, Any, Protocol

from cachelib.serializers import RedisSerializer
from flask_caching.backends import FileSystemCache, NullCache, RedisCache, SimpleCache

from bff.cache.shared.envelope import MAGIC, MAX_VALUE_BYTES
from bff.errors import SettingsError
from bff.redis.clients import KEY_PREFIX, Client


class Backend(Protocol):
    """A store of bytes. Synchronous; safe between threads; raises whatever its library does."""

    def get(self, key: str) -> bytes | None:
        """The value, None for none."""

    def set(self, key: str, value: bytes, timeout: int) -> Any:
        """Store the value for `timeout` seconds."""

    def delete(self, key: str) -> Any:
        """Delete the value, if there is one."""


class RawBytes(RedisSerializer):
    """Bytes in, bytes out, in place of the backends' own serializers, which pickle."""

    def dumps(self, value: bytes, protocol: int = 0) -> bytes:
        return value

    def loads(self, value: bytes | None) -> bytes | None:
        return value or None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        # A file system's backend counts its files in a file of its own, as an integer.
        f.write(value if isinstance(value, bytes) else str(value).encode())

    def load(self, f: IO[bytes]) -> Any:
        value = f.read(MAX_VALUE_BYTES + 1)
        if value.startswith(MAGIC):
            return value
        return int(value) if value.isdigit() and len(value) < 20 else 0


class RedisBytes(RedisCache):
    """Flask-Caching's Redis backend for bytes of a bounded size."""

    serializer = RawBytes()

    def __init__(self, client: Client) -> None:
        super().__init__(host=client, key_prefix=KEY_PREFIX)

    def get(self, key: str) -> bytes | None:
        # GETRANGE and not GET: a planted value of any size costs us one byte more than the bound.
        # It returns an empty string, not null, for a key that isn't there.
        return self.serializer.loads(
            self._read_client.getrange(f"{self.key_prefix}{key}", 0, MAX_VALUE_BYTES)
        )


class FileBytes(FileSystemCache):
    """Flask-Caching's file system backend, which writes in its constructor already."""

    serializer: Any = RawBytes()


class MemoryBytes(SimpleCache):
    """Flask-Caching's backend in the memory of one process."""

    serializer: Any = RawBytes()


def open_backend(config: Mapping[str, Any]) -> Backend:
    """The backend that Flask-Caching's configuration names. Raises `SettingsError`."""
    kind = str(config.get("CACHE_TYPE"))
    name = kind.removeprefix("flask_caching.backends.")
    threshold = config.get("CACHE_THRESHOLD", 500)
    try:
        if name in ("FileSystemCache", "filesystemcache.FileSystemCache"):
            return _file_bytes(config, threshold)
        if name in ("SimpleCache", "simplecache.SimpleCache"):
            return MemoryBytes(threshold)
    except Exception as error:  # a folder that can't be made, an option of another type, …
        raise SettingsError(f"CACHE_TYPE {kind}: {error}.") from error
    if name in ("NullCache", "nullcache.NullCache"):
        nothing: Backend = NullCache()
        return nothing
    raise SettingsError(f"CACHE_TYPE {kind}: {_refusal(name)}")


def _file_bytes(config: Mapping[str, Any], threshold: int) -> FileBytes:
    folder = config.get("CACHE_DIR")
    if not folder:
        raise ValueError("CACHE_DIR must name the folder of its files")
    return FileBytes(str(folder), threshold, **(config.get("CACHE_OPTIONS") or {}))


def _refusal(name: str) -> str:
    if "redis" in name.lower():
        return "set BFF_REDIS_URL to the address of Redis instead."
    why = "bff opens no backend that may load pickles"
    if "memcache" in name.lower():
        why = (
            "its client loads pickles, so whoever can write to Memcached could run code in the"
            " gateway"
        )
    return f"{why}. Set BFF_REDIS_URL, or choose FileSystemCache, SimpleCache or NullCache."
