"""One screen at a time: a small project, its scripted upstream, and a host that serves it.

    screen = screens(
        '''
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, on_failure: optional}
        ''',
        {"/users/1": reply(500)},
    )
    assert screen.get().json() == {"user": None}
    assert screen.calls() == ["GET /users/1"]

`screens` is a fixture (`tests/spec/conftest.py`) that runs each test in both hosts, and ends what
it started with the test. The shop's operations are `SERVICE`, what they return is `SCHEMAS`.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from flask import Flask

from bff.identity.ports import IdentityProvider
from bff.settings import Settings
from bff.telemetry.metrics.definitions.cache import JOINED_FLIGHTS
from tests.support.gateway.hosts import Answer, Header, Host, serving
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project
from tests.support.telemetry.counted import settled
from tests.support.upstream.wire import Script, WireServer
from tests.support.upstream.wire_scripts import json_reply

_AT_ONCE = 32  # requests that a test may have begun

SERVICE = f"""{SHOP_SERVICE}
  get_product:
    request: GET /products/{{id}}
    params:
      id: {{type: integer}}
    returns: schemas.shop:Product
  list_bestsellers:
    request: GET /bestsellers
    returns: list[schemas.shop:Product]
  list_by_ids:
    request: GET /by-ids
    params:
      ids: {{type: array, items: {{type: integer}}}}
    returns: list[schemas.shop:Product]
  get_file:
    request: GET /files/{{path}}/meta
    params:
      path: {{type: string}}
    returns: schemas.shop:Loose
  get_deep_file:
    request: GET /deep/{{path}}
    params:
      path: {{type: string, slash: true}}
    returns: schemas.shop:Loose
  look:
    request: GET /look
    params:
      text: {{type: string, required: false}}
      whole: {{type: integer, required: false}}
      part: {{type: number, required: false}}
      flag: {{type: boolean, required: false}}
      tags: {{type: array, items: {{type: string}}, required: false}}
      X-Tenant: {{in: header, type: string, required: false}}
      Authorization: {{in: header, type: string, required: false}}
    returns: schemas.shop:Loose
  pay:
    request: POST /payments
    params:
      order_id: {{type: integer}}
    returns: schemas.shop:Loose
  cancel:
    request: DELETE /orders/{{id}}
    params:
      id: {{type: integer}}
    returns: schemas.shop:Loose
"""

SCHEMAS = f"""{SHOP_SCHEMAS}

from typing import Any


class Loose(BaseModel):
    value: Any = None
"""

# Beside them, what bodies of errors are.
ERROR_SCHEMAS = f"""{SCHEMAS}


class Field(BaseModel):
    name: str
    why: str


class Invalid(BaseModel):
    fields: list[Field]
    hint: str | None = None
"""


def value_reply(value: Any) -> Script:
    """A reply of this value as JSON."""
    return json_reply(json.dumps(value))


def user(number: int = 1, name: str = "Ann", **more: Any) -> Script:
    """A user of the shop."""
    return value_reply({"id": number, "first_name": name, **more})


def product(number: int, title: str = "Hat", price: float = 9.5) -> dict[str, Any]:
    """A product, as the shop has it."""
    return {"id": number, "title": title, "price": price}


def order(number: int, *product_ids: int, total: float = 1.5) -> dict[str, Any]:
    """An order of one of each product, as the shop has it."""
    items = [{"product_id": each, "quantity": 1} for each in product_ids]
    return {"id": number, "total": total, "items": items}


class Screen:
    """A served project. `upstream` is the shop, `host` what serves."""

    def __init__(
        self, host: Host, upstream: WireServer, folder: Path, threads: ThreadPoolExecutor
    ) -> None:
        self.host = host
        self.upstream = upstream
        self.folder = folder
        self._threads = threads

    def get(self, target: str = "/screen", **headers: str) -> Answer:
        """GET, with headers by their names in Python's spelling: `if_none_match=…`."""
        return self.host.get(target, **headers)

    def begin(self, target: str = "/screen", **headers: str) -> "Future[Answer]":
        """GET on a thread of its own."""
        return self._threads.submit(self.get, target, **headers)

    def post(self, value: Any, target: str = "/screen", **headers: str) -> Answer:
        """POST a value as JSON."""
        return self.host.post(target, value, **headers)

    def request(
        self,
        method: str,
        target: str = "/screen",
        headers: Iterable[Header] = (),
        body: bytes | Iterable[bytes] | None = None,
    ) -> Answer:
        """Exactly this request."""
        return self.host.request(method, target, headers, body)

    def let(self, path: str, script: Script) -> None:
        """From now on the shop answers so at this path."""
        scripts = self.upstream.script
        assert isinstance(scripts, dict), "this shop has one script for all paths"
        scripts[path] = script

    def wait_until_joined(self, count: int) -> None:
        """Until so many requests have waited for another one's run, or wait for it."""
        metrics = self.host.app.extensions["bff"].core.metrics
        joined = {JOINED_FLIGHTS.name: float(count)}
        assert settled(metrics, {}, joined, JOINED_FLIGHTS) == joined

    def calls(self) -> list[str]:
        """What the shop was asked so far: method and target, in the order of arrival."""
        return [f"{each.method} {each.target}" for each in self.upstream.requests]


class Screens:
    """Makes screens in one host, and ends them all."""

    def __init__(self, host_name: str, stack: ExitStack) -> None:
        self.host_name = host_name
        self._stack = stack

    def __call__(
        self,
        compositions: str | Mapping[str, str],
        upstream: Script | Mapping[str, Script] | None = None,
        *,
        gateway: str = "",
        service: str = "",
        schemas: str = SCHEMAS,
        services: Mapping[str, str] | None = None,
        settings: Settings | None = None,
        app: Flask | None = None,
        identity: IdentityProvider | None = None,
        clock: Callable[[], float] | None = None,
    ) -> Screen:
        """Serve these compositions (one alone is called `screen`) over the scripted shop.

        `service` is text for the end of `services/shop.yaml`: `timeout: 200ms`; `services` are
        others beside it. `{shop}` in them stands for the shop's address.
        """
        if isinstance(compositions, str):
            compositions = {"screen": compositions}
        scripts = upstream if callable(upstream) else dict(upstream or {})
        shop = self._stack.enter_context(WireServer(scripts))
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        declared = {"shop": SERVICE.replace("http://127.0.0.1:9", shop.url) + service}
        for name, text in (services or {}).items():
            declared[name] = text.replace("{shop}", shop.url)
        write_project(
            folder,
            dict(compositions),
            services=declared,
            schemas={"shop": schemas},
            gateway=gateway,
        )
        host = self._stack.enter_context(
            serving(
                self.host_name, folder, settings=settings, app=app, identity=identity, clock=clock
            )
        )
        threads = self._stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
        return Screen(host, shop, folder, threads)
