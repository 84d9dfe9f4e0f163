"""The sample services' data and answers, called over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import TypeAdapter

from examples.services.data import (
    GONE_PRODUCTS,
    generate_orders,
    generate_products,
    generate_reviews,
    generate_users,
)
from schemas.orders import Order, OrderPage
from schemas.products import Product, ReviewList
from schemas.users import User
from tests.support.upstream.sample_services import service


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service("users", tmp_path_factory.mktemp("users")) as client:
        yield client


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service("orders", tmp_path_factory.mktemp("orders")) as client:
        yield client


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with service("products", tmp_path_factory.mktemp("products")) as client:
        yield client


# ------------------------------------------------------------------------------------- the data


def test_there_is_enough_data_and_all_of_it_fits_the_schemas() -> None:
    catalogue = generate_products(7)
    assert len(TypeAdapter(list[User]).validate_python(generate_users(7))) >= 200
    assert len(TypeAdapter(list[Order]).validate_python(generate_orders(7, catalogue))) >= 1000
    assert len(TypeAdapter(list[Product]).validate_python(catalogue)) >= 300
    reviews = generate_reviews(7)
    ReviewList.model_validate({"reviews": reviews, "total": len(reviews)})


def test_the_same_seed_gives_the_same_data_and_another_seed_gives_other_data(
    users: httpx.Client, tmp_path: Path
) -> None:
    with service("users", tmp_path, "--seed", "7") as same:
        assert same.get("/users/7").content == users.get("/users/7").content
    with service("users", tmp_path, "--seed", "8") as other:
        assert other.get("/users/7").content != users.get("/users/7").content


def test_orders_name_users_and_products_that_exist_but_for_some_that_are_gone() -> None:
    catalogue = generate_products(7)
    user_ids = {user["id"] for user in generate_users(7)}
    product_ids = {product["id"] for product in catalogue}
    bought = set()
    for order in generate_orders(7, catalogue):
        assert order["user_id"] in user_ids
        bought |= {item["product_id"] for item in order["items"]}
    assert bought - product_ids <= set(GONE_PRODUCTS)
    assert bought - product_ids, "no order shows what a product that is gone looks like"


# -------------------------------------------------------------------------------------- users


def test_a_user_comes_with_fields_that_no_screen_should_see(users: httpx.Client) -> None:
    user = users.get("/users/7").json()
    assert {"password_hash", "ssn", "internal_notes"} <= user.keys() - User.model_fields.keys()


def test_users_come_in_the_order_asked_for_and_unknown_ones_are_left_out(
    users: httpx.Client,
) -> None:
    reply = users.get("/users", params={"ids": [9, 100000, 3]})
    assert [user["id"] for user in reply.json()["users"]] == [9, 3]


@pytest.mark.parametrize("target", ["/users/100000", "/users/me", "/users/-1", "/nowhere"])
def test_what_does_not_exist_is_404_in_json(users: httpx.Client, target: str) -> None:
    reply = users.get(target)
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["detail"]


def test_a_wish_list_is_the_users_own(users: httpx.Client) -> None:
    wishlist = users.get("/users/7/wishlist").json()
    assert wishlist["user_id"] == 7
    assert wishlist["product_ids"] == users.get("/users/7").json()["wishlist"]


def test_another_method_is_405(users: httpx.Client) -> None:
    assert users.delete("/users/7").status_code == 405


# -------------------------------------------------------------------------------------- orders


def test_pages_of_orders_hold_every_order_of_the_user_once_newest_first(
    orders: httpx.Client,
) -> None:
    whole = OrderPage.model_validate(
        orders.get("/orders", params={"user_id": 7, "limit": 100}).json()
    )
    assert whole.total == len(whole.orders) > 2
    paged: list[Order] = []
    for offset in range(0, whole.total, 2):
        params = {"user_id": 7, "limit": 2, "offset": offset}
        paged += OrderPage.model_validate(orders.get("/orders", params=params).json()).orders
    assert paged == whole.orders
    dates = [order.placed_at for order in paged]
    assert dates == sorted(dates, reverse=True)


def test_orders_are_filtered_by_status(orders: httpx.Client) -> None:
    params = {"user_id": 7, "limit": 100, "status": ["delivered", "paid"]}
    found = orders.get("/orders", params=params).json()["orders"]
    assert {order["status"] for order in found} <= {"delivered", "paid"}
    assert found


@pytest.mark.parametrize("query", ["user_id=x", "user_id=7&limit=0", "user_id=7&offset=-1", ""])
def test_a_bad_page_is_422(orders: httpx.Client, query: str) -> None:
    assert orders.get(f"/orders?{query}").status_code == 422


def test_a_new_order_is_the_users_newest_and_can_be_read(orders: httpx.Client) -> None:
    body = {"user_id": 11, "lines": [{"product_id": 5, "quantity": 2, "unit_price": 9.99}]}
    created = orders.post("/orders", json=body)
    assert created.status_code == 201
    assert created.json()["total"] == 24.88  # two at 9.99, and 4.90 for shipping
    newest = orders.get("/orders", params={"user_id": 11, "limit": 1}).json()["orders"][0]
    assert newest == created.json() == orders.get(f"/orders/{created.json()['id']}").json()


def test_a_repeated_idempotency_key_gets_the_order_that_it_made(orders: httpx.Client) -> None:
    body = {"user_id": 12, "lines": [{"product_id": 5, "quantity": 1, "unit_price": 9.99}]}
    key = {"Idempotency-Key": "one-and-only"}
    first = orders.post("/orders", json=body, headers=key)
    second = orders.post("/orders", json=body, headers=key)
    assert second.json() == first.json()
    assert orders.post("/orders", json=body).json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'{"user_id": 0, "lines": []}', 422),
        (b'{"user_id": 7, "lines": []}', 422),
        (b'{"user_id": 7, "lines": [{"product_id": 5}]}', 422),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    orders: httpx.Client, body: bytes, status: int
) -> None:
    assert orders.post("/orders", content=body).status_code == status


def test_export_holds_the_orders_of_the_user_that_the_gateway_names(orders: httpx.Client) -> None:
    exported = orders.get("/orders.csv", headers={"X-User": "7"})
    assert exported.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    listed = orders.get("/orders", params={"user_id": 7, "limit": 100}).json()["orders"]
    numbers = [line.split(",")[0] for line in exported.text.splitlines()]
    assert numbers == ["order", *(str(order["id"]) for order in listed)]
    assert orders.get("/orders.csv").status_code == 401


# ------------------------------------------------------------------------------------- products


def test_products_are_found_by_ids_with_commas_or_repeated_and_gone_ones_are_left_out(
    products: httpx.Client,
) -> None:
    gone = GONE_PRODUCTS[0]
    commas = products.get(f"/products?ids=9,{gone},3").json()
    assert commas == products.get(f"/products?ids=9&ids={gone}&ids=3").json()
    assert [product["id"] for product in commas["products"]] == [9, 3]


def test_a_product_that_is_gone_is_404(products: httpx.Client) -> None:
    assert products.get(f"/products/{GONE_PRODUCTS[0]}").status_code == 404


def test_a_search_gives_a_list_at_the_top_of_what_holds_every_word(
    products: httpx.Client,
) -> None:
    found = products.get("/products/search", params={"q": "oak desk", "limit": 3}).json()
    assert isinstance(found, list)
    assert 0 < len(found) <= 3
    assert all("oak" in product["title"].lower() for product in found)
    assert all("desk" in f"{product['title'].lower()} {product['tags']}" for product in found)
    assert products.get("/products/search", params={"q": "no such thing"}).json() == []


def test_related_products_are_others_of_the_same_category(products: httpx.Client) -> None:
    ids = products.get("/products/5/related?limit=3").json()["product_ids"]
    assert len(ids) == 3
    assert 5 not in ids
    category = products.get("/products/5").json()["category"]
    assert all(products.get(f"/products/{each}").json()["category"] == category for each in ids)


def test_reviews_are_counted_beyond_the_limit(products: httpx.Client) -> None:
    reviews = products.get("/products/5/reviews?limit=2").json()
    assert len(reviews["reviews"]) == 2 < reviews["total"]


def test_popular_products_are_in_stock_and_the_best_rated_first(products: httpx.Client) -> None:
    popular = products.get("/products/popular?limit=5").json()["products"]
    assert all(product["stock"] for product in popular)
    ratings = [product["rating"] for product in popular]
    assert ratings == sorted(ratings, reverse=True)


def test_a_brand_that_is_gone_is_404_though_products_name_it(products: httpx.Client) -> None:
    assert products.get("/brands/1").json()["name"]
    assert products.get("/brands/7").status_code == 404


def test_a_reservation_takes_the_stock_all_of_it_or_nothing(products: httpx.Client) -> None:
    stock = {number: products.get(f"/products/{number}").json()["stock"] for number in (20, 21)}
    wanted = [{"product_id": 20, "quantity": 1}, {"product_id": 21, "quantity": 2}]
    reservation = products.post("/reservations", json={"items": wanted})
    assert reservation.status_code == 200
    assert [line["quantity"] for line in reservation.json()["lines"]] == [1, 2]
    too_much = [{"product_id": 20, "quantity": 1}, {"product_id": 21, "quantity": 999}]
    assert products.post("/reservations", json={"items": too_much}).status_code == 409
    assert products.get("/products/20").json()["stock"] == stock[20] - 1
    assert products.get("/products/21").json()["stock"] == stock[21] - 2


@pytest.mark.parametrize(
    "items", [[], None, [{"product_id": 5}], [{"product_id": 0, "quantity": 1}]]
)
def test_a_reservation_of_nothing_known_is_422(products: httpx.Client, items: object) -> None:
    assert products.post("/reservations", json={"items": items}).status_code == 422
