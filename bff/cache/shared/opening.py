"""Which store the workers share: Redis, another of Flask-Caching's backends, or none."""

from collections.abc import Callable, Mapping
from typing import Any

from bff.cache.redis.purge_channel import Purged
from bff.cache.shared.backends import open_backend
from bff.cache.shared.links import RedisStoreClient, StoreClient
from bff.cache.shared.store import SharedStore
from bff.engine.values.wait_budget import WAIT_BUDGET_SECONDS


def open_store(
    redis_url: str | None,
    backend_config: Mapping[str, Any] | None = None,
    *,
    purged: Purged = lambda tags, at: None,
    missed: Callable[[], None] = lambda: None,
) -> SharedStore | None:
    """The store at a Redis URL, or the one that Flask-Caching's own configuration names; None
    without either. Connects on first use, so it may be made while Redis is down. Raises
    `SettingsError`."""
    if backend_config is not None:
        return SharedStore(StoreClient(open_backend(backend_config)), purged=purged, missed=missed)
    if redis_url is None:
        return None
    link = RedisStoreClient(redis_url, seconds=WAIT_BUDGET_SECONDS)
    return SharedStore(link, purged=purged, missed=missed)
