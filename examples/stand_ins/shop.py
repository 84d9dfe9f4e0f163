"""A shop whose orders and profile can be written, with users, posts, a cart and settings."""

from typing import Any

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

_USERS: dict[str, dict[str, Any]] = {
    "1": {"first_name": "Ann", "last_name": "Lee", "signed_up_at": "2026-01-05"},
    "2": {"first_name": "Bob", "last_name": None, "signed_up_at": "2026-02-07"},
}
_POSTS = [
    {"id": 10, "author_id": 1, "title": "Hello"},
    {"id": 11, "author_id": 2, "title": "Again"},
]
_COMMENTS = [
    {"id": 1, "post_id": 10, "author_id": 2, "text": "Hi!"},
    {"id": 2, "post_id": 10, "author_id": 1, "text": "Thanks"},
]
_PRICES = {1: ("Hat", 9.5), 2: ("Scarf", 4.25), 3: ("Coat", 80.0)}


def build() -> Blueprint:
    """The stand-in, at `/shop`."""
    shop = Blueprint("shop", __name__, url_prefix="/shop")
    profile: dict[str, Any] = {"name": "Ann", "nickname": "annie", "phone": "123"}
    orders: dict[int, dict[str, Any]] = {41: {"id": 41, "product_id": 1, "quantity": 1}}

    @shop.get("/users")
    def users_by_id() -> ResponseReturnValue:
        """An object keyed by id."""
        return _USERS

    @shop.get("/users/<number>")
    def get_user(number: str) -> ResponseReturnValue:
        if number not in _USERS:
            abort(404)
        return {"id": int(number), **_USERS[number]}

    @shop.get("/posts")
    def posts() -> ResponseReturnValue:
        return _POSTS

    @shop.get("/comments")
    def comments() -> ResponseReturnValue:
        """The comments of the posts in `post_id=10,11`."""
        wanted = {int(each) for each in request.args["post_id"].split(",")}
        return [each for each in _COMMENTS if each["post_id"] in wanted]

    @shop.get("/cart")
    def cart() -> ResponseReturnValue:
        lines = [{"product_id": 1, "quantity": 2}, {"product_id": 3, "quantity": 1}]
        return {"id": "c1", "lines": lines}

    @shop.get("/products")
    def products() -> ResponseReturnValue:
        """The products of `ids=1&ids=2`."""
        found = [int(each) for each in request.args.getlist("ids")]
        return [
            {"id": each, "title": _PRICES[each][0], "price": _PRICES[each][1]} for each in found
        ]

    @shop.get("/products/<int:number>/reviews")
    def reviews(number: int) -> ResponseReturnValue:
        """The reviews of a product; those of the second are broken."""
        if number == 2:
            abort(500)
        return {"product_id": number, "stars": 4.5}

    @shop.get("/settings")
    def settings() -> ResponseReturnValue:
        """Whatever the settings are."""
        return {"theme": "dark", "flags": {"beta": True}, "limits": [1, 2]}

    @shop.post("/orders")
    def create_order() -> ResponseReturnValue:
        """A new order, or what is wrong with each field."""
        sent = request.get_json()
        if sent["product_id"] not in _PRICES:
            field = {"name": "product_id", "problem": "is sold out"}
            return {"fields": [field], "trace": "shop.py:12"}, 422
        order = {"id": max(orders) + 1, **sent}
        orders[order["id"]] = order
        return order, 201, {"Location": f"/shop/orders/{order['id']}"}

    @shop.delete("/orders/<int:number>")
    def delete_order(number: int) -> ResponseReturnValue:
        if orders.pop(number, None) is None:
            abort(404)
        return "", 204

    @shop.patch("/profile")
    def change_profile() -> ResponseReturnValue:
        """A merge patch (RFC 7396): null takes a field away, what is absent stays."""
        if request.content_type != "application/merge-patch+json":
            abort(415)
        for name, value in request.get_json(force=True).items():
            profile[name] = value
        return {name: value for name, value in profile.items() if value is not None}

    @shop.get("/echo")
    def echo() -> ResponseReturnValue:
        """By what the request can be found in a log."""
        return {
            "request_id": request.headers.get("X-Request-ID"),
            "trace_id": request.headers["traceparent"].split("-")[1],
        }

    return shop
