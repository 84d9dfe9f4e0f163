"""The products service: the catalogue, reviews, brands, and reservations of stock."""

from typing import Any

from examples.services.data import (
    GONE_PRODUCTS,
    Record,
    generate_brands,
    generate_products,
    generate_reviews,
    to_cents,
    to_money,
)
from examples.services.web import Refusal, Request, Service


def build(seed: int) -> Service:
    """The service over a catalogue generated from `seed`."""
    catalogue = Catalogue(seed)
    service = Service("products")
    service.add("GET", "/products", catalogue.list_products)
    service.add("GET", "/products/popular", catalogue.list_popular)
    service.add("GET", "/products/search", catalogue.search)
    service.add("GET", "/products/{id}", catalogue.get_product)
    service.add("GET", "/products/{id}/related", catalogue.list_related)
    service.add("GET", "/products/{id}/reviews", catalogue.list_reviews)
    service.add("GET", "/brands/{id}", catalogue.get_brand)
    service.add("POST", "/reservations", catalogue.reserve)
    return service


class Catalogue:
    """The products and what belongs to them; `reserve` alone changes anything."""

    def __init__(self, seed: int) -> None:
        self._products = {product["id"]: product for product in generate_products(seed)}
        self._brands = {brand["id"]: brand for brand in generate_brands(seed)}
        self._reviews: dict[int, list[Record]] = {}
        for review in generate_reviews(seed):
            self._reviews.setdefault(review["product_id"], []).append(review)
        self._reservations = 0

    def list_products(self, request: Request) -> Any:
        """Those of the products asked for that exist, in the order they were asked for."""
        wanted = request.numbers("ids")
        return {"products": [self._products[each] for each in wanted if each in self._products]}

    def list_popular(self, request: Request) -> Any:
        limit = request.number("limit", 6, low=1, high=50)
        in_stock = [product for product in self._products.values() if product["stock"]]
        in_stock.sort(key=lambda product: (-product["rating"], product["id"]))
        return {"products": in_stock[:limit]}

    def search(self, request: Request) -> Any:
        """Products whose title, category or tags hold every word; a bare list."""
        words = request.query.get("q", [""])[-1].lower().split()
        limit = request.number("limit", 20, low=1, high=100)
        found = [
            product
            for product in self._products.values()
            if all(word in _searchable(product) for word in words)
        ]
        return found[:limit]

    def get_product(self, request: Request) -> Any:
        number = request.path_number("id")
        if number in GONE_PRODUCTS:
            raise Refusal(404, f"product {number} is no longer offered")
        if number not in self._products:
            raise Refusal(404, f"there is no product {number}")
        return self._products[number]

    def list_related(self, request: Request) -> Any:
        """Ids of products of the same category, the nearest in price first."""
        product = self.get_product(request)
        limit = request.number("limit", 4, low=1, high=20)
        others = [
            other
            for other in self._products.values()
            if other["category"] == product["category"] and other is not product
        ]
        others.sort(key=lambda other: (abs(other["price"] - product["price"]), other["id"]))
        return {"product_ids": [other["id"] for other in others[:limit]]}

    def list_reviews(self, request: Request) -> Any:
        product = self.get_product(request)
        limit = request.number("limit", 5, low=1, high=50)
        reviews = self._reviews.get(product["id"], [])
        return {"reviews": reviews[:limit], "total": len(reviews)}

    def get_brand(self, request: Request) -> Any:
        number = request.path_number("id")
        if number not in self._brands:
            raise Refusal(404, f"there is no brand {number}")
        return self._brands[number]

    def reserve(self, request: Request) -> Any:
        """Take what is wanted out of the stock, all of it or nothing: 409 when it isn't there."""
        items = request.json_object().get("items")
        if not (isinstance(items, list) and items and all(_is_item(item) for item in items)):
            raise Refusal(422, "items must be a list of {product_id, quantity}")
        wanted: dict[int, int] = {}
        for item in items:
            wanted[item["product_id"]] = wanted.get(item["product_id"], 0) + item["quantity"]
        for number, quantity in wanted.items():
            if number not in self._products:
                raise Refusal(422, f"there is no product {number}")
            if self._products[number]["stock"] < quantity:
                raise Refusal(409, f"there are not {quantity} of product {number} in stock")
        for number, quantity in wanted.items():
            self._products[number]["stock"] -= quantity
        return self._reservation(wanted)

    def _reservation(self, wanted: dict[int, int]) -> Record:
        self._reservations += 1
        lines = [
            {
                "product_id": number,
                "title": self._products[number]["title"],
                "quantity": quantity,
                "unit_price": self._products[number]["price"],
            }
            for number, quantity in wanted.items()
        ]
        total = sum(to_cents(line["unit_price"]) * line["quantity"] for line in lines)
        return {
            "id": f"res-{self._reservations:06d}",
            "lines": lines,
            "total": to_money(total),
            "expires_at": "2026-01-15T12:15:00Z",
            "warehouse_bins": [self._products[number]["warehouse_bin"] for number in wanted],
        }


def _searchable(product: Record) -> str:
    return f"{product['title'].lower()} {product['category']} {' '.join(product['tags'])}"


def _is_item(item: Any) -> bool:
    match item:
        case {"product_id": int(), "quantity": int(quantity)}:
            return 0 < quantity <= 1000
        case _:
            return False
