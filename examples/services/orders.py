"""The orders service: what was bought; new orders are kept until the process ends."""

from typing import Any

from examples.services.data import (
    USER_COUNT,
    Record,
    generate_orders,
    generate_products,
    to_cents,
    to_money,
)
from examples.services.web import Refusal, Reply, Request, Service, Text


def build(seed: int) -> Service:
    """The service over orders generated from `seed`."""
    orders = generate_orders(seed, generate_products(seed))  # newest first
    by_idempotency_key: dict[str, Record] = {}
    service = Service("orders")

    def list_orders(request: Request) -> Any:
        """A page of a user's orders, newest first."""
        user_id = request.number("user_id", 0, low=1, high=10**9)
        limit = request.number("limit", 10, low=1, high=100)
        offset = request.number("offset", 0, low=0, high=10**9)
        statuses = request.query.get("status")
        found = [
            order
            for order in orders
            if order["user_id"] == user_id and (not statuses or order["status"] in statuses)
        ]
        page = found[offset : offset + limit]
        return {"orders": page, "total": len(found), "limit": limit, "offset": offset}

    def get_order(request: Request) -> Any:
        number = request.path_number("id")
        for order in orders:
            if order["id"] == number:
                return order
        raise Refusal(404, f"there is no order {number}")

    def create_order(request: Request) -> Any:
        """A new order; a repeated Idempotency-Key gets the order that it made the first time."""
        key = request.headers.get("idempotency-key")
        if key is not None and key in by_idempotency_key:
            return Reply(200, by_idempotency_key[key])
        order = _new_order(orders[0]["id"] + 1, request.json_object())
        orders.insert(0, order)
        if key is not None:
            by_idempotency_key[key] = order
        return Reply(201, order)

    def export_orders(request: Request) -> Text:
        """The orders of who asks, which the gateway says in X-User: a file for spreadsheets."""
        user = request.headers.get("x-user")
        if user is None:
            raise Refusal(401, "whose orders?")
        own = [order for order in orders if str(order["user_id"]) == user]
        lines = [f"{each['id']},{each['placed_at']},{each['total']:.2f}\n" for each in own]
        return Text("order,placed_at,total\n" + "".join(lines), "text/csv", "orders.csv")

    service.add("GET", "/orders", list_orders)
    service.add("GET", "/orders.csv", export_orders)
    service.add("POST", "/orders", create_order)
    service.add("GET", "/orders/{id}", get_order)
    return service


def _new_order(number: int, wanted: dict[str, Any]) -> Record:
    user_id, lines = wanted.get("user_id"), wanted.get("lines")
    if not (isinstance(user_id, int) and 1 <= user_id <= USER_COUNT):
        raise Refusal(422, "user_id must be a user's")
    if not (isinstance(lines, list) and lines and all(_is_line(line) for line in lines)):
        raise Refusal(422, "lines must be a list of {product_id, quantity, unit_price}")
    items = sum(to_cents(line["unit_price"]) * line["quantity"] for line in lines)
    shipping = 0 if items >= 5000 else 490
    return {
        "id": number,
        "user_id": user_id,
        "status": "placed",
        "placed_at": "2026-01-15T12:00:00Z",
        "currency": "EUR",
        "items": [
            {key: line[key] for key in ("product_id", "quantity", "unit_price")} for line in lines
        ],
        "shipping": to_money(shipping),
        "total": to_money(items + shipping),
        "tracking": None,
        "payment_token": f"tok_{number:024x}",
        "fraud_score": 0.0,
        "warehouse": "north",
        "reservation_id": wanted.get("reservation_id"),
        "note": wanted.get("note"),
    }


def _is_line(line: Any) -> bool:
    match line:
        case {"product_id": int(), "quantity": int(quantity), "unit_price": int() | float()}:
            return quantity > 0
        case _:
            return False
