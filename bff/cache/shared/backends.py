"""Flask-Caching's backends, holding our own bytes.

Redis in its three forms is one class over three clients. Any other backend of Flask-Caching's is
opened from its own configuration (`CACHE_TYPE` and what goes with it), and then has neither locks
nor tags, which take more than getting and setting. Nothing is ever cleared: Flask-Caching's
`clear()` may flush a whole database.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import IO, Any, Protocol, cast

from cachelib.serializers import RedisSerializer
from flask_caching import Cache
from flask_caching.backends.filesystemcache import FileSystemCache
from flask_caching.backends.rediscache import RedisCache

from bff.cache.redis.clients import Client
from bff.cache.shared.envelope import MAGIC, MAX_VALUE_BYTES
from bff.errors import SettingsError

KEY_PREFIX = "bff:2:"  # the version is the envelope's and the key's
_REDIS = ("RedisCache", "RedisSentinelCache", "RedisClusterCache")
_PICKLING = ("SpreadSASLMemcachedCache",)
_FILES = (
    "FileSystemCache",
    "flask_caching.backends.FileSystemCache",
    "flask_caching.backends.filesystemcache.FileSystemCache",
)


class Backend(Protocol):
    """A store of bytes. Synchronous; safe between threads; raises whatever its library does."""

    def get(self, key: str) -> bytes | None:
        """The value, None for none."""

    def set(self, key: str, value: bytes, timeout: int) -> Any:
        """Keep the value for `timeout` seconds."""

    def delete(self, key: str) -> Any:
        """Forget the value, if there is one."""


class AsTheyAre(RedisSerializer):
    """Bytes in, bytes out, in place of the backends' own way, which is to pickle."""

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


class BytesInRedis(RedisCache):
    """Flask-Caching's Redis backend for bytes of a bounded size."""

    serializer = AsTheyAre()

    def __init__(self, client: Client) -> None:
        super().__init__(host=client, key_prefix=KEY_PREFIX)

    def get(self, key: str) -> bytes | None:
        # GETRANGE and not GET: a planted value of any size costs us one byte more than the bound.
        # It gives nothing, not null, for a key that isn't there.
        return self.serializer.loads(
            self._read_client.getrange(f"{self.key_prefix}{key}", 0, MAX_VALUE_BYTES)
        )


class BytesInFiles(FileSystemCache):
    """Flask-Caching's file system backend, which writes, and pickles, before it can be told how."""

    serializer = cast(Any, AsTheyAre())


def open_backend(config: Mapping[str, Any]) -> Backend:
    """The backend that Flask-Caching's configuration names. Raises `SettingsError`."""
    kind = str(config.get("CACHE_TYPE"))
    if kind.rpartition(".")[2] in _REDIS:
        raise SettingsError(f"CACHE_TYPE {kind}: say where Redis is with BFF_REDIS_URL instead.")
    if kind.rpartition(".")[2] in _PICKLING:
        raise SettingsError(f"CACHE_TYPE {kind} can hold nothing but pickles. Choose another one.")
    opened = f"{__name__}.{BytesInFiles.__name__}" if kind in _FILES else kind
    holder = SimpleNamespace(config={}, extensions={})  # what Flask-Caching takes of an app
    try:
        cache = Cache(
            cast(Any, holder),
            with_jinja2_ext=False,
            config={
                "CACHE_KEY_PREFIX": KEY_PREFIX,
                **config,
                "CACHE_TYPE": opened,
                "CACHE_SERIALIZER": AsTheyAre(),
            },
        )
    except ImportError as error:
        raise SettingsError(
            f"CACHE_TYPE {kind} can't be imported ({str(error).splitlines()[-1]}). Name a backend "
            "of Flask-Caching, FileSystemCache or MemcachedCache, or any class by its full path."
        ) from error
    except Exception as error:  # a missing package, a folder that can't be made, …
        raise SettingsError(f"CACHE_TYPE {kind}: {error}") from error
    backend: Backend = holder.extensions["cache"][cache]
    return backend
