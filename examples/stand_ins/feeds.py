"""Services that speak something else than JSON, and one whose lists have a bad element."""

import re

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

_ORDERS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<orders xmlns="urn:example:orders">
  <order id="7"><buyer>J\xf6rg</buyer><total currency="EUR">19.90</total></order>
</orders>
""".encode("iso-8859-1")

_STOCK = '\ufeffproduct_id;left;note\r\n1;12;\r\n2;0;"back soon; we hope"\r\n'.encode()

_EVENTS = b'{"id": 1, "kind": "created"}\n{"id": 2, "kind": "paid"}\n\n{"id": 3, "kind": "sent"}\n'

_ENVELOPE = """<?xml version="1.0"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Body>{}</soap:Body>
</soap:Envelope>"""


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

    @feeds.post("/soap")
    def soap() -> ResponseReturnValue:
        """SOAP 1.1: the stock of the product in the body, or a fault with a 500."""
        number = re.search(r"<productId>(\d+)</productId>", request.get_data(as_text=True))
        if not request.content_type.startswith("text/xml") or number is None:
            return _ENVELOPE.format("<soap:Fault/>"), 500, {"Content-Type": "text/xml"}
        stock = f"<stock><left>{10 * int(number[1])}</left></stock>"
        return _ENVELOPE.format(stock), {"Content-Type": "text/xml; charset=utf-8"}

    @feeds.get("/offers")
    def offers() -> ResponseReturnValue:
        """Offers, one of which has a text for its price."""
        return [{"id": 1, "price": 9.5}, {"id": 2, "price": "on request"}, {"id": 3, "price": 4}]

    return feeds
