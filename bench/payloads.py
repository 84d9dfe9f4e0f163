"""What the upstream serves, always the same, and what each row must answer. Pure.

There are two sizes of it: large lists are ten times as long, below a path of their own.

Documents are made in two parts: what the project's schemas know, and inner fields that they lack
and that may not reach a client. What a row must answer is worked out here from the known part, by
other means than those that are measured.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

Json = dict[str, Any]
Size = Literal["small", "large"]

USER_ID = 7
_TIMES: dict[Size, int] = {"small": 1, "large": 10}
_PREFIX: dict[Size, str] = {"small": "", "large": "/large"}
_ADDRESSES = (3, 11, 26, 31, 45)
_PRODUCTS = 20
_ORDERS = 18
_LARGE_FIELDS = ("large_user", "large_orders", "large_products")
_STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled")
_WORDS = [
    "plain",
    "honest",
    "wool",
    "oak",
    "copper",
    "linen",
    "river",
    "morning",
    "quiet",
    "folded",
    "early",
    "northern",
    "bright",
    "small",
    "steady",
    "woven",
    "open",
    "winter",
    "paper",
    "stone",
]


@dataclass(frozen=True, slots=True)
class Document:
    """One upstream reply: `known` to the schemas, and `served` with inner fields."""

    path: str
    known: Json
    served: Json

    @property
    def text(self) -> bytes:
        """The body on the wire."""
        return json.dumps(self.served, separators=(",", ":")).encode()


def documents(size: Size = "small") -> dict[str, Document]:
    """The three replies by step: about 0.8, 5.1 and 9.4 KB; large, ten times as much in all."""
    times, prefix = _TIMES[size], _PREFIX[size]
    user = _user(times)
    products = [_product(number) for number in range(1, _PRODUCTS * times + 1)]
    orders = [_order(number, len(products)) for number in range(1, _ORDERS * times + 1)]
    page = {"total": len(orders), "limit": 20 * times}
    return {
        "user": Document(
            f"{prefix}/users/{USER_ID}",
            user,
            user | {"password_hash": "9f" * 32, "last_ip": "192.0.2.44", "risk_score": 0.125},
        ),
        "orders": Document(
            f"{prefix}/orders",
            {"orders": orders, **page},
            {"orders": [order | {"margin": 0.25} for order in orders], **page},
        ),
        "products": Document(
            f"{prefix}/popular",
            {"products": products},
            {"products": [product | {"supplier_cost": 3.5} for product in products]},
        ),
    }


def all_documents() -> list[Document]:
    """Everything that the upstream serves."""
    return [document for size in get_args(Size) for document in documents(size).values()]


def expected_home(size: Size = "small") -> Json:
    """The three replies, each under its step's name."""
    return {step: document.known for step, document in documents(size).items()}


def expected_unvalidated(size: Size = "small") -> Json:
    """The same from who knows no schemas: inner fields and all."""
    return {step: document.served for step, document in documents(size).items()}


def graphql_query(size: Size = "small") -> bytes:
    """The body that asks a GraphQL server for `expected_home`, under `data`."""
    fields = {"small": ("user", "orders", "products"), "large": _LARGE_FIELDS}[size]
    arguments = (f"(id: {USER_ID})", f"(user_id: {USER_ID}, limit: {20 * _TIMES[size]})", "")
    asked = " ".join(
        f"{step}: {field}{argument} {_selection(document.known)}"
        for field, argument, (step, document) in zip(
            fields, arguments, documents(size).items(), strict=True
        )
    )
    return json.dumps({"query": f"{{ {asked} }}"}).encode()


def expected_reshaped() -> Json:
    """The reshaped screen: products joined into the orders' items."""
    user, orders, products = (document.known for document in documents().values())
    by_id = {product["id"]: product for product in products["products"]}
    return {
        "user": {"id": user["id"], "name": f"{user['first_name']} {user['last_name']}"},
        "orders": [
            {
                "id": order["id"],
                "status": order["status"],
                "placed_at": order["placed_at"],
                "total": order["total"],
                "items": [
                    _with_product(item, by_id.get(item["product_id"])) for item in order["items"]
                ],
            }
            for order in orders["orders"]
        ],
        "total_spent": sum(order["total"] for order in orders["orders"]),
        "popular": [
            {
                "id": product["id"],
                "title": product["title"],
                "price": product["price"],
                "image": product["images"][0],
            }
            for product in products["products"]
        ],
    }


def expected_passed_through() -> Json:
    """The products reply as the upstream gives it, inner fields and all."""
    return documents()["products"].served


def _selection(value: Any) -> str:
    """Every field below `value`, as GraphQL writes them; of a list, those of its first element."""
    if isinstance(value, list):
        return _selection(value[0])
    if not isinstance(value, dict):
        return ""
    return "{ " + " ".join(f"{name} {_selection(inner)}" for name, inner in value.items()) + " }"


def _with_product(item: Json, product: Json | None) -> Json:
    return {
        "quantity": item["quantity"],
        "title": product["title"] if product else None,
        "image": product["images"][0] if product else None,
    }


def _user(times: int) -> Json:
    return {
        "id": USER_ID,
        "username": "reader7",
        "first_name": "Ada",
        "last_name": "Example",
        "email": "ada@example.com",
        "phone": None,
        "born_on": "1990-02-14",
        "loyalty": "gold",
        "image": "https://images.example.com/users/7/portrait.webp",
        "addresses": [
            {
                "street": f"{number} {_words(number, 2).title()} Street",
                "city": _words(number + 5, 1).title(),
                "postal_code": f"{10_000 + 37 * number}",
                "country": "NL",
            }
            for number in (50 * again + address for again in range(times) for address in _ADDRESSES)
        ],
    }


def _order(number: int, products: int) -> Json:
    items = [
        {
            # Some products are no longer among the popular ones: their join gives null.
            "product_id": 1 + (number * 5 + place * 3) % (products + 3),
            "quantity": 1 + (number + place) % 4,
            "unit_price": _price(number * 3 + place),
        }
        for place in range(2 + number % 2)
    ]
    return {
        "id": 5_000 + number,
        "user_id": USER_ID,
        "status": _STATUSES[number % len(_STATUSES)],
        "placed_at": f"2025-{1 + number % 12:02}-{1 + number * 2 % 28:02}T08:{number % 60:02}:00Z",
        "currency": "EUR",
        "items": items,
        "shipping": 4.5,
        "total": 4.5 + sum(item["quantity"] * item["unit_price"] for item in items),
        "tracking": None if number % 3 else f"NL{number * 7_919:010}",
    }


def _product(number: int) -> Json:
    title = _words(number, 3).title()
    return {
        "id": number,
        "title": title,
        "description": f"{title}. {_words(number * 2, 16).capitalize()}.",
        "category": _words(number % 4, 1),
        "brand": None if number % 5 == 0 else _words(number + 9, 1).title(),
        "price": _price(number),
        "rating": 2 + number % 12 / 4,
        "stock": number * 13 % 90,
        "tags": _words(number * 3, 3).split(),
        "dimensions": {"width": 10 + number / 2, "height": 4.25, "depth": 12.5},
        "images": [
            f"https://images.example.com/products/{number}/{picture}.webp" for picture in (1, 2)
        ],
    }


def _price(number: int) -> float:
    return 3 + number * 17 % 40 + number % 4 / 4  # quarters: sums come out the same in any order


def _words(start: int, count: int) -> str:
    return " ".join(_WORDS[(start + 3 * place) % len(_WORDS)] for place in range(count))
