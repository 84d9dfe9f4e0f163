"""What a gateway counts of its calls to services, from its clients to real sockets."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.services import (
    BROKEN_BODIES,
    CONNECTS,
    OPEN_CONNECTIONS,
    POOL_WAITING,
    POOL_WAITS,
    RESTING_INSTANCES,
    REUSED_CONNECTIONS,
    SCHEMA_BREAKS,
    SERVICE_CALLS,
)
from bff.telemetry.metrics.families import Metrics
from bff.upstream.ports import server_at
from bff.web.applications import create_server
from bff.web.gateway import Gateway
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Pending
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, http1_server
from tests.support.gateway.http1_server import read_all
from tests.support.gateway.websockets import GATEWAY, echo, handshake, switching
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import head, json_reply, never, reply, then_close

BROKEN = then_close(head(200, [("Content-Length", "1000000")]) + b"x" * 100_000)
BANK = """
base: {shop}
auth:
  client_credentials: {{token_url: {login}/token, client_id: shop, client_secret: "${{secret.S}}"}}
operations:
  get_user: {{request: "GET /users/{{id}}", params: {{id: {{type: integer}}}},
             returns: schemas.shop:User}}
"""
OWN = """
endpoint: GET /own/{id}
params: {id: {type: integer}}
steps: {user: {call: bank.get_user, with: {id: "${params.id}"}}}
deadline: 500ms
"""


class Served:
    """A server, its services, and what it has counted since the last time."""

    def __init__(self, host: Host, metrics: Metrics, shop: WireServer, login: WireServer) -> None:
        self.host = host
        self.metrics = metrics
        self.shop = server_at(shop.url)[1:]
        self.login = server_at(login.url)[1:]
        self._before = self._counted()

    def moved(self) -> dict[tuple[str, ...], int]:
        """What has been counted since the last time, by labels: exchanges, and broken bodies."""
        before, now = self._before, self._counted()
        self._before = now
        return {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key)}

    def _counted(self) -> dict[tuple[str, ...], int]:
        calls = self.metrics.histogram(SERVICE_CALLS).series
        return {
            **{labels: int(sum(cell[:-1])) for labels, cell in calls.items()},
            **{
                labels: int(cell[0])
                for family in (BROKEN_BODIES, SCHEMA_BREAKS)
                for labels, cell in self.metrics.counter(family).series.items()
            },
        }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("project")
    token = json.dumps({"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600})
    scripts = {
        "/users/1": json_reply('{"id": 1, "first_name": "Ann"}'),
        "/users/3": never(),
        "/users/2": json_reply('{"id": "two"}'),
        "/missing": reply(404),
        "/broken": BROKEN,
        "/chat": switching(echo),
    }
    with WireServer(scripts) as shop, WireServer({"/token": json_reply(token)}) as login:
        services = {
            "shop": SHOP_SERVICE.replace("http://127.0.0.1:9", shop.url),
            "bank": BANK.format(shop=shop.url, login=login.url),
        }
        write_project(folder, {"own": OWN}, services=services, gateway=GATEWAY)
        settings = Settings(log_level="error", metrics_port=1)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("S", "sec/ret")
            made = create_server(folder, settings)
        with http1_server(made) as port:
            host = Host("http1", port, flask.Flask("elsewhere"))
            yield Served(host, made.gateway.metrics, shop, login)


def test_call_and_the_request_for_its_token_count_by_the_instances_that_answer(
    served: Served,
) -> None:
    assert served.host.get("/own/1").status == 200
    assert served.moved() == {
        ("bank", *served.login, "POST", "200", ""): 1,
        ("bank", *served.shop, "GET", "200", ""): 1,
    }


def test_reply_that_breaks_its_schema_is_a_good_exchange_and_a_broken_promise(
    served: Served,
) -> None:
    served.host.get("/own/1")
    served.moved()
    assert served.host.get("/own/2").status == 502
    assert served.moved() == {
        ("bank", *served.shop, "GET", "200", ""): 1,
        ("bank", "bank.get_user"): 1,
    }


def test_exchange_that_the_deadline_of_a_composition_ends_is_a_fault_of_its_instance(
    served: Served,
) -> None:
    """Who looks for what hangs has to find it, although the run gives its calls up."""
    served.host.get("/own/1")
    served.moved()
    assert served.host.get("/own/3").status == 504
    assert served.moved() == {("bank", *served.shop, "GET", "", "deadline"): 1}


def test_status_from_400_on_is_the_error_of_a_routes_exchange(served: Served) -> None:
    assert served.host.get("/raw/missing").status == 404
    assert served.moved() == {("shop", *served.shop, "GET", "404", "404"): 1}


def test_streamed_body_that_breaks_off_counts_beside_its_exchange(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.host.port), WAIT_BUDGET_SECONDS) as client:
        client.sendall(b"GET /raw/broken HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionResetError):
            read_all(client)
    assert served.moved() == {
        ("shop", *served.shop, "GET", "200", ""): 1,
        ("shop", *served.shop, "incomplete"): 1,
    }


def test_switch_to_a_websocket_counts_as_an_exchange_of_101(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.host.port), WAIT_BUDGET_SECONDS) as client:
        client.sendall(handshake())
        assert client.recv(12) == b"HTTP/1.1 101"
    assert served.moved() == {("shop", *served.shop, "GET", "101", ""): 1}


def test_no_label_holds_a_secret_or_a_word_of_the_client(served: Served) -> None:
    served.host.request("GET", "/own/1?canary=1", [("X-Canary", "canary")])
    served.metrics.read_all()
    for family in served.metrics.families.values():
        for labels in family.series:
            assert not any(word in " ".join(labels) for word in ("canary", "t0ken", "sec/ret"))
    assert (*served.shop, "idle") in served.metrics.gauge(OPEN_CONNECTIONS).series


def test_without_anybody_who_may_ask_no_call_is_observed(tmp_path: Path) -> None:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as shop:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", shop.url)
        made = create_server(
            write_project(tmp_path, services={"shop": service}), Settings(log_level="error")
        )
        with http1_server(made) as port:
            assert Host("http1", port, flask.Flask("elsewhere")).get("/home/1").status == 200
            assert made.gateway.metrics.histogram(SERVICE_CALLS).series == {}


def test_series_of_an_instance_end_with_the_release_that_had_it(tmp_path: Path) -> None:
    async def main() -> None:
        answer = json_reply('{"id": 1, "first_name": "Ann"}')
        with WireServer(answer) as old, WireServer(answer) as new:
            versions = [
                compile_project(
                    write_project(
                        tmp_path / name,
                        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", wire.url)},
                    )
                )
                for name, wire in (("old", old), ("new", new))
            ]
            gateway = Gateway(versions[0], Settings(log_level="error", metrics_port=1))
            await gateway.open()
            for version in versions:
                await gateway.serve(version)
                assert (await ask(gateway)).status == 200
            ports = [server_at(each.url).port for each in (old, new)]
            found = [_series_at(gateway.metrics, port) for port in ports]
            assert found == [set(), {SERVICE_CALLS, OPEN_CONNECTIONS, POOL_WAITING, *_OF_POOLS}]
            await gateway.close()

    asyncio.run(main())


_OF_POOLS = (CONNECTS, POOL_WAITS, REUSED_CONNECTIONS, RESTING_INSTANCES)


async def ask(gateway: Gateway) -> Reply:
    begun = gateway.begin(GatewayRequest("GET", "/home/1", "", [(b"host", b"a")]))
    assert isinstance(begun, Pending)
    return await begun.reply()


def _series_at(metrics: Metrics, port: str) -> set[Definition]:
    """The metrics that have series of the instance at this port."""
    return {
        family.definition
        for family in metrics.families.values()
        if any(port in labels for labels in family.series)
    }
