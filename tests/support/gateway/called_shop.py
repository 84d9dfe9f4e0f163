"""A shop whose compositions `bff call` calls, over a scripted service."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

SECRET = 'hush/7 "c1"'
USER = json_reply('{"id": 1, "first_name": "Ann"}')
ORDERS = json_reply('{"orders": []}')
HOME = """
endpoint: GET /home/{id}
access: public
params: {id: {type: integer, minimum: 1}}
steps:
  user: {call: shop.get_user, with: {id: "${params.id}"}}
  orders: {call: shop.list_orders, with: {user_id: "${user.id}"}, on_failure: optional}
views: {small: [user.firstName]}
cache: {ttl: 30s}
"""
FIXED = (
    "{endpoint: GET /home/all, access: public, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
)
ORDER = """
endpoint: POST /orders
access: public
params: {user_id: {type: integer}}
steps:
  order: {call: shop.create_order, with: {user_id: "${params.user_id}"}}
"""
STORED = """
endpoint: GET /stored
access: public
steps:
  user: {call: shop.get_user, with: {id: 1}}
"""
TWINS = """
endpoint: GET /twins
access: public
steps:
  orders: {call: shop.list_orders, with: {user_id: 1}}
joins: [{into: orders.orders, as: twin, from: "${orders.orders}", match: {total: total}}]
"""


class Shop:
    """A project over a scripted service, and the command in it."""

    def __init__(self, folder: Path, server: WireServer) -> None:
        self.folder = folder
        self.server = server

    def call(self, *words: str, **environ: str) -> Result:
        known = {"REDIS_URL": None, "BFF_REDIS_URL": None, "SHOP_KEY": SECRET}
        arguments = ["call", *words, "--project", str(self.folder)]
        return CliRunner().invoke(bff, arguments, env={**known, **environ})

    def asked(self) -> list[str]:
        return [f"{each.method} {each.target}" for each in self.server.requests]


@contextmanager
def called_shop(folder: Path) -> Iterator[Shop]:
    """The shop in this folder, which answers while the context lasts."""
    with WireServer({"/users/1": USER, "/orders": ORDERS}) as server:
        service = SHOP_SERVICE.replace("http://127.0.0.1:9", server.url)
        service += 'timeout: 400ms\nquery: {key: "${secret.SHOP_KEY}"}\n'
        service = service.replace(
            "returns: schemas.shop:User", "returns: schemas.shop:User\n    cache: {ttl: 1m}"
        )
        compositions = {"home": HOME, "home_all": FIXED, "order": ORDER, "stored": STORED}
        compositions["twins"] = TWINS
        write_project(folder, compositions, services={"shop": service})
        yield Shop(folder, server)


def let(shop: Shop, path: str, script: object) -> None:
    """From now on the service answers so at this path."""
    assert isinstance(shop.server.script, dict)
    shop.server.script[path] = script
