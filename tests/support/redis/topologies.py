"""Several Redis (or Valkey) servers that belong together: a cluster, a master with its Sentinel.

with Cluster() as cluster:
    cluster.url                         redis+cluster://127.0.0.1:<port>,…
    cluster.stop(); cluster.start()     all of it gone, and back with its slots

with Watched() as watched:
    watched.url                         redis+sentinel://127.0.0.1:<port>/shop
    watched.fail_over()                 the master is gone, and its replica is the master
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from redis import Redis, RedisCluster

from tests.support.ports import free_port
from tests.support.redis.server import RedisServer

_SLOTS = 16384
_MASTERS = 3
_PATIENCE_SECONDS = 15.0
MASTER = "shop"


class Cluster:
    """Three masters that share the slots."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bff-test-cluster-")
        self._bus_ports = [free_port() for _ in range(_MASTERS)]
        self.masters = [
            RedisServer(
                *("--cluster-enabled", "yes", "--cluster-port", str(bus_port)),
                *("--cluster-config-file", f"{self._directory.name}/{number}.conf"),
                *("--cluster-node-timeout", "2000"),
            )
            for number, bus_port in enumerate(self._bus_ports)
        ]
        places = ",".join(f"127.0.0.1:{master.port}" for master in self.masters)
        self.url = f"redis+cluster://{places}"

    def __enter__(self) -> Self:
        try:
            for master in self.masters:
                master.start()
            self._form()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._directory.cleanup()

    def start(self) -> None:
        """Start again, empty, and wait until every slot is served."""
        for master in self.masters:
            master.start()
        self._wait_until_it_serves()

    def stop(self) -> None:
        """End all of it at once."""
        for master in self.masters:
            master.stop()

    def client(self) -> "closing[RedisCluster]":
        """A context with a plain client."""
        return closing(RedisCluster.from_url(self.masters[0].url))

    def all_keys(self) -> list[bytes]:
        """Every key there is."""
        return sorted(key for master in self.masters for key in master.all_keys())

    def commands(self) -> Counter[str]:
        """How often each command was called."""
        return sum((Counter(master.commands()) for master in self.masters), Counter())

    def empty(self) -> None:
        """Delete every key."""
        for master in self.masters:
            with master.client() as client:
                client.flushall()

    def _form(self) -> None:
        for number, master in enumerate(self.masters):
            first, after = (_SLOTS * n // _MASTERS for n in (number, number + 1))
            with master.client() as client:
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
        with self.masters[0].client() as client:
            for master, bus_port in zip(self.masters[1:], self._bus_ports[1:], strict=True):
                client.execute_command("CLUSTER MEET", "127.0.0.1", master.port, bus_port)
        self._wait_until_it_serves()

    def _wait_until_it_serves(self) -> None:
        def serves() -> bool:
            for master in self.masters:
                with master.client() as client:
                    told = client.execute_command("CLUSTER INFO")
                    if told["cluster_state"] != "ok" or told["cluster_known_nodes"] != "3":
                        return False
            return True

        wait_until(serves, "the cluster serves")


class Sentinel(RedisServer):
    """Watches one master."""

    def __init__(self, directory: Path, master: RedisServer) -> None:
        super().__init__()
        self._file = directory / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {MASTER} 300\n"
            f"sentinel failover-timeout {MASTER} 2000\n"
        )

    def _command(self) -> list[str | Path]:
        return [self._program, self._file, "--sentinel"]


class Watched:
    """A master that a Sentinel knows by its name, and its replica."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bff-test-sentinel-")
        self.master = RedisServer("--repl-diskless-sync-delay", "0")
        self.replica = RedisServer("--replicaof", f"127.0.0.1 {self.master.port}")
        self.sentinel = Sentinel(Path(self._directory.name), self.master)
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{MASTER}"

    def __enter__(self) -> Self:
        try:
            self.master.start()
            self.replica.start()
            wait_until(lambda: self._replication()["master_link_status"] == "up", "replication")
            # Now and not before: it asks its master for replicas at the start, and then every 10 s.
            self.sentinel.start()
            wait_until(self._replica_is_known, "the Sentinel knows the replica")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.sentinel, self.replica, self.master):
            server.stop()
        self._directory.cleanup()

    def client(self) -> "closing[Redis]":
        """A context with a plain client of the first master."""
        return self.master.client()

    def all_keys(self) -> list[bytes]:
        """Every key that the first master has."""
        return self.master.all_keys()

    def commands(self) -> Counter[str]:
        """How often each command was called on the first master."""
        return self.master.commands()

    def empty(self) -> None:
        """Delete every key."""
        with self.master.client() as client:
            client.flushall()

    def fail_over(self) -> None:
        """End the master, and wait until the Sentinel names the replica, which then takes writes.
        Blocks."""
        self.master.stop()

        def is_over() -> bool:
            # Clients take no master that it has lost or not yet found.
            told = self._ask_sentinel("SENTINEL MASTER")
            return told["port"] == self.replica.port and told["flags"] == "master"

        wait_until(is_over, "the failover is over")

    def _replica_is_known(self) -> bool:
        # Promotion asks for its INFO, which tells its offset.
        told = self._ask_sentinel("SENTINEL REPLICAS")
        return bool(told) and told[0].get(b"master-link-status") == b"ok"

    def _replication(self) -> dict[str, Any]:
        with self.replica.client() as client:
            return client.info("replication")

    def _ask_sentinel(self, command: str) -> Any:
        with self.sentinel.client() as client:
            return client.execute_command(command, MASTER)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Until it is so; fails when that takes too long. Blocks."""
    gives_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < gives_up_at, f"not in time: {what}"
        time.sleep(0.02)
