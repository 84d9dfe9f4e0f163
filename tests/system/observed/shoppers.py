"""People who use the sample shop: every screen, view and route, by every kind of caller.

with shopping(running) as shoppers:     some twenty requests a second, until the context ends
    shoppers.rounds                     how often all of it was asked for

Some rounds have what a shop meets too: what is not there, and what nobody may see.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import httpx

from examples.demo.callers import SUPPORT, USER, Login, log_in, log_out, take_token
from examples.demo.processes import DemoServers

PAUSE_SECONDS: Final = 0.05
ODD_ROUNDS: Final = 4  # one of so many has what isn't there, or isn't theirs
MOST_SECONDS: Final = 300.0  # nobody shops for longer
FIRST_USER, LAST_USER = 1, 200


class Visit(NamedTuple):
    """A request, of a caller who is known by these headers."""

    target: str
    headers: Mapping[str, str] = {}
    method: str = "GET"
    json: Any = None


class Shoppers:
    """Asks for everything in turn, round after round, from one thread."""

    def __init__(self, running: DemoServers, client: httpx.Client) -> None:
        self.rounds = 0
        self.trouble: BaseException | None = None
        self._running = running
        self._done = threading.Event()
        self._client = client
        self._support = {"Authorization": f"Bearer {take_token(running, SUPPORT)}"}
        self._phone = {"Authorization": f"Bearer {take_token(running, USER)}"}
        self._partner = {"X-Api-Key": running.partner_key}

    def shop(self) -> None:
        """Go on until `leave` is called, or for `MOST_SECONDS`."""
        try:
            ends = time.monotonic() + MOST_SECONDS
            while not self._done.is_set() and time.monotonic() < ends:
                self.make_round()
        except BaseException as trouble:
            self.trouble = trouble

    def leave(self) -> None:
        """End after the visit that is being made."""
        self._done.set()

    def make_round(self) -> None:
        """Everything once, as another user than the last time."""
        user = FIRST_USER + self.rounds % (LAST_USER - FIRST_USER)
        login = log_in(self._running, USER)
        for visit in self._visits(user, login):
            self._make(visit)
        log_out(login)
        self.rounds += 1

    def _make(self, visit: Visit) -> None:
        if not self._done.wait(PAUSE_SECONDS):
            self._client.request(
                visit.method, visit.target, headers=dict(visit.headers), json=visit.json
            )

    def _visits(self, user: int, login: Login) -> Iterator[Visit]:
        product = 1 + self.rounds % 300
        for view in ("", "?view=mobile", ""):
            yield Visit(f"/screens/home/{user}{view}", self._support)
        for view in ("", "?view=mobile", "?view=card", "?fields=product.title"):
            yield Visit(f"/screens/products/{product}{view}")
        for view in ("", "&view=mobile"):
            yield Visit(f"/search?q=oak{view}")
            yield Visit(f"/account/{user}/orders?limit=5{view}", self._support)
        for view in ("", "?view=mobile"):
            yield Visit(f"/account/{user}/wishlist{view}", self._support)
        cart = {"items": [{"product_id": 5, "quantity": 1}]}
        yield Visit("/account/92/checkout", login.headers, "POST", cart)
        yield Visit("/account/92/orders", login.headers)
        yield Visit("/account/92/orders", self._phone)
        yield Visit("/partner/offers", self._partner)
        yield Visit("/raw/orders/orders/12", self._support)
        yield Visit("/downloads/orders.csv", self._phone)
        yield Visit("/app/")
        if self.rounds % ODD_ROUNDS == 0:
            yield from self._odd_visits()

    def _odd_visits(self) -> Iterator[Visit]:
        yield Visit("/account/92/orders")  # nobody
        yield Visit("/account/7/orders", self._phone)  # another's
        yield Visit("/partner/offers", self._support)  # no partner
        yield Visit("/search?q=a&limit=many")
        yield Visit("/screens/products/999999")
        yield Visit("/nothing/is/here")
        yield Visit("/search?q=oak", method="BREW")


@contextmanager
def shopping(running: DemoServers) -> Iterator[Shoppers]:
    """Shoppers in a thread, who have made a round once this begins."""
    with httpx.Client(base_url=running.gateway, trust_env=False, timeout=20) as client:
        shoppers = Shoppers(running, client)
        shoppers.make_round()
        thread = threading.Thread(target=shoppers.shop, name="shoppers")
        thread.start()
        try:
            yield shoppers
        finally:
            shoppers.leave()
            thread.join()
    if shoppers.trouble is not None:
        raise shoppers.trouble
