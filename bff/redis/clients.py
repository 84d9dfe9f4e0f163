"""From a URL to a Redis client: one server, a master that Sentinels name, or a cluster.

    redis://[user:password@]host[:port][/db]            also rediss:// (TLS), unix:///path
    redis+sentinel://host[:port],host…/master[/db]      also rediss+sentinel://
    redis+cluster://host[:port],host…                   also rediss+cluster://

`valkey` may stand for `redis` everywhere: the protocol is the same. Options stand in the query, as
redis-py reads them. Every client gives up after the same short time and never repeats a command.
"""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Redis, RedisCluster
from redis import asyncio as aio
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from bff.errors import SettingsError

KEY_PREFIX = "bff:3:"  # the number changes with the format of anything that is stored under it

Client = Redis | RedisCluster
AsyncClient = aio.Redis | aio.RedisCluster

_MANY = re.compile(r"(rediss?)\+(sentinel|cluster)")
_SENTINEL_PORT, _PORT = 26379, 6379

# With these a new connection asks nothing before the first command.
_SILENT: dict[str, Any] = {"protocol": 2, "driver_info": None}


def refuse_bad_url(redis_url: str) -> None:
    """Raises `SettingsError`, which repeats nothing of the URL but an option's name, for one that
    can't be read."""
    try:
        _parse(redis_url)
    except ValueError as error:
        raise SettingsError(f"the Redis URL: {str(error)[:1].lower()}{str(error)[1:]}") from None


def open_client(redis_url: str, *, seconds: float) -> Client:
    """A client that waits for `seconds` at most, each time; safe between threads.

    A cluster is asked at once for its nodes: raises `RedisError` when none answers.
    """
    kind, hosts, name, options = _parse(redis_url)
    common = _common(seconds) | {"retry": Retry(NoBackoff(), 0)}
    if kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in hosts]  # type: ignore[no-untyped-call]
        return RedisCluster(startup_nodes=nodes, **{**options, **common})
    common |= _SILENT
    if kind == "sentinel":
        sentinel = Sentinel(hosts, sentinel_kwargs=common, **{**options, **common})  # type: ignore[no-untyped-call]
        master: Redis = sentinel.master_for(name)  # type: ignore[no-untyped-call]
        return master
    return Redis.from_url(_in_redis_words(redis_url), **common)


def open_async_client(redis_url: str, *, seconds: float, connections: int) -> AsyncClient:
    """A client for one event loop, with so many connections (to each server) at most. It waits for
    `seconds` at most, each time, and connects on first use."""
    kind, hosts, name, options = _parse(redis_url)
    common = _common(seconds) | {
        "retry": AsyncRetry(NoBackoff(), 0),
        "max_connections": connections,
    }
    if kind == "cluster":
        nodes = [AsyncClusterNode(host, port) for host, port in hosts]
        return aio.RedisCluster(startup_nodes=nodes, **{**options, **common})
    common |= _SILENT
    if kind == "sentinel":
        sentinel = AsyncSentinel(hosts, sentinel_kwargs=common, **{**options, **common})  # type: ignore[no-untyped-call]
        master: aio.Redis = sentinel.master_for(name)
        return master
    return aio.Redis.from_url(_in_redis_words(redis_url), **common)


def open_listener(redis_url: str, *, seconds: float, attempt: int) -> AsyncClient:
    """A client for listening to channels. In a cluster every node hears all messages: the listener
    is with one of those that the URL names, by turns of the attempts."""
    kind, hosts, _, options = _parse(redis_url)
    if kind != "cluster":
        return open_async_client(redis_url, seconds=seconds, connections=1)
    host, port = hosts[attempt % len(hosts)]
    common = _common(seconds) | _SILENT | {"retry": AsyncRetry(NoBackoff(), 0)}
    return aio.Redis(host=host, port=port, **{**options, **common})


async def close_async_client(client: AsyncClient) -> None:
    """Close the client's connections, those to Sentinels too."""
    await client.aclose()
    if isinstance(client, aio.Redis):
        pool = client.connection_pool
        if isinstance(pool, AsyncSentinelPool):
            await pool.sentinel_manager.aclose()


def disconnect(client: Client, *, in_use: bool) -> None:
    """Close the client's idle connections, or with `in_use` all of them; the next command opens
    new ones."""
    if isinstance(client, RedisCluster):
        for node in client.get_nodes():  # type: ignore[no-untyped-call]
            if node.redis_connection is not None:
                node.redis_connection.connection_pool.disconnect(inuse_connections=in_use)
    else:
        client.connection_pool.disconnect(inuse_connections=in_use)


def _common(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def _parse(redis_url: str) -> tuple[str, list[tuple[str, int]], str, dict[str, Any]]:
    """The kind, the hosts, the master's name, and redis-py's options. Raises `ValueError`."""
    url = _in_redis_words(redis_url)
    scheme, _, rest = url.partition("://")
    many = _MANY.fullmatch(scheme)
    if many is None:
        parse_url(url)  # type: ignore[no-untyped-call]
        return "single", [], "", {}
    kind = many[2]
    rest, question, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    user, at, places = authority.rpartition("@")
    default = _SENTINEL_PORT if kind == "sentinel" else _PORT
    hosts = [_place(place, default) for place in places.split(",")]
    name = ""
    if kind == "sentinel":
        name, _, path = path.partition("/")
        if not name:
            raise ValueError(
                "A Sentinel URL names the master: redis+sentinel://host:26379/mymaster"
            )
    elif path:
        raise ValueError("A cluster has no databases: leave out what follows the hosts")
    single = f"{many[1]}://{user}{at}host/{path}{question}{query}"
    options: dict[str, Any] = parse_url(single)  # type: ignore[no-untyped-call]
    connection = options.pop("connection_class", None)
    del options["host"]
    if connection is not None:
        options["ssl"] = True
    return kind, hosts, unquote(name), options


def _place(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("A host is missing")
    return parts.hostname, parts.port or default_port


def _in_redis_words(url: str) -> str:
    return re.sub(r"^valkey(s?)(?=[:+])", r"redis\1", url)
