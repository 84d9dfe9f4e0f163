"""A catalogue of seven products, in pages by cursor, by number and by offset."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

_PRODUCTS = [{"id": number, "title": f"Product {number}"} for number in range(1, 8)]


def build() -> Blueprint:
    """The stand-in, at `/catalog`."""
    pages = Blueprint("pages", __name__, url_prefix="/catalog")

    @pages.get("/by-cursor")
    def by_cursor() -> ResponseReturnValue:
        """Goes on with `next_cursor`, which is null on the last page."""
        begin = int(request.args.get("cursor", "c0").removeprefix("c"))
        end = begin + int(request.args.get("limit", 3))
        cursor = f"c{end}" if end < len(_PRODUCTS) else None
        return {"items": _PRODUCTS[begin:end], "next_cursor": cursor}

    @pages.get("/by-number")
    def by_number() -> ResponseReturnValue:
        """Pages of three, counted from 1; those behind the last are empty."""
        number = int(request.args.get("page", 1))
        results = _PRODUCTS[3 * number - 3 : 3 * number]
        return {"results": results, "page": number, "pages": -(-len(_PRODUCTS) // 3)}

    @pages.get("/by-offset")
    def by_offset() -> ResponseReturnValue:
        """At most `limit` products from `offset` on, as a bare list."""
        begin = int(request.args.get("offset", 0))
        return _PRODUCTS[begin : begin + int(request.args["limit"])]

    return pages
