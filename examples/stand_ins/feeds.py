"""Services that speak something else than JSON, and one whose lists have a bad element."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

_ORDERS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<orders xmlns="urn:example:orders">
  <order id="7"><buyer>J\xf6rg</buyer><total currency="EUR">19.90</total></order>
</orders>
""".encode("iso-8859-1")

_STOCK = '\ufeffproduct_id;left;note\r\n1;12;\r\n2;0;"back soon; we hope"\r\n'.encode()

_EVENTS = b'{"id": 1, "kind": "created"}\n{"id": 2, "kind": "paid"}\n\n{"id": 3, "kind": "sent"}\n'


def build() -> Blueprint:
    """The stand-in, at `/feeds`."""
    feeds = Blueprint("feeds", __name__, url_prefix="/feeds")

    @feeds.get("/orders.xml")
    def orders() -> ResponseReturnValue:
        """Orders in XML, in an old charset, and just one of them."""
        return _ORDERS, {"Content-Type": "application/xml"}

    @feeds.get("/stock.csv")
    def stock() -> ResponseReturnValue:
        """CSV as a spreadsheet writes it: a byte order mark, semicolons, an empty cell."""
        return _STOCK, {"Content-Type": "text/csv"}

    @feeds.get("/events.ndjson")
    def events() -> ResponseReturnValue:
        """A value of JSON a line."""
        return _EVENTS, {"Content-Type": "application/x-ndjson"}

    @feeds.get("/motd.txt")
    def motd() -> ResponseReturnValue:
        """A plain text."""
        return "Closed on Monday.\n", {"Content-Type": "text/plain; charset=utf-8"}

    @feeds.get("/offers")
    def offers() -> ResponseReturnValue:
        """Offers, one of which has a text for its price."""
        return [{"id": 1, "price": 9.5}, {"id": 2, "price": "on request"}, {"id": 3, "price": 4}]

    return feeds
