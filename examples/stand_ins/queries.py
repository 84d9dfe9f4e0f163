"""Services that are asked by POST: a search index, GraphQL, an RPC with envelopes, look-ups."""

from typing import Any

from flask import Blueprint, abort, json, request
from flask.typing import ResponseReturnValue

_PRODUCTS = {"1": ("Red hat", 20), "2": ("Blue hat", 25), "3": ("Red scarf", 15)}


def build() -> Blueprint:
    """The stand-in, at `/search`, `/graphql`, `/rpc` and `/stock`."""
    queries = Blueprint("queries", __name__)

    @queries.post("/search/products/_search")
    def search() -> ResponseReturnValue:
        """Hits of `{"query": {"match": {"title": …}}, "size": …}`."""
        sent = request.get_json()
        word, size = sent["query"]["match"]["title"].lower(), sent.get("size", 10)
        hits = [
            {"_id": number, "_score": 1.5, "_source": {"title": title, "price": price}}
            for number, (title, price) in _PRODUCTS.items()
            if word in title.lower()
        ]
        total = {"value": len(hits), "relation": "eq"}
        return {"took": 3, "hits": {"total": total, "hits": hits[:size]}}

    @queries.post("/search/_msearch")
    def search_many() -> ResponseReturnValue:
        """A reply for each two lines of NDJSON: where to look, and what for."""
        if request.content_type != "application/x-ndjson":
            abort(415)
        if not request.get_data().endswith(b"\n"):
            abort(400)
        lines = [json.loads(line) for line in request.get_data().decode().splitlines()]
        words = [line["query"]["match"]["title"].lower() for line in lines[1::2]]
        counts = [sum(word in title.lower() for title, _ in _PRODUCTS.values()) for word in words]
        return {"responses": [{"hits": {"total": {"value": count}}} for count in counts]}

    @queries.post("/graphql")
    def graphql() -> ResponseReturnValue:
        """One query: a product by its id. What goes wrong is told in a 200."""
        number = request.get_json()["variables"]["id"]
        if number not in _PRODUCTS:
            problem = {"message": f"no product {number}", "extensions": {"code": "NOT_FOUND"}}
            return {"data": {"product": None}, "errors": [problem]}
        title, price = _PRODUCTS[number]
        if number == "3":
            part = {"product": {"id": number, "title": title, "price": None}}
            problem = {"message": "prices are down", "path": ["product", "price"]}
            return {"data": part, "errors": [problem]}
        return {"data": {"product": {"id": number, "title": title, "price": price}}}

    @queries.get("/rpc/users.info")
    def user_info() -> ResponseReturnValue:
        """An envelope, as chat services have it: `ok` says whether it worked."""
        names = {"U1": "ann", "U2": "bob"}
        user = request.args.get("user", "")
        if user not in names:
            return {"ok": False, "error": "user_not_found"}
        return {"ok": True, "user": {"id": user, "name": names[user]}}

    @queries.post("/stock/levels")
    def levels() -> ResponseReturnValue:
        """The stock of each `{"sku", "store"}` of a list, 2 of them at most."""
        sent: list[dict[str, Any]] = request.get_json()["keys"]
        if len(sent) > 2:
            return {"error": "2 keys at most"}, 400
        return [{**key, "left": 10 * int(key["sku"]) + key["store"]} for key in sent]

    return queries
