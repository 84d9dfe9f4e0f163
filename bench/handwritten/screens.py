"""The screens by hand: three calls on a thread pool, validated with the gateway's own models.

BENCH_UPSTREAM=http://127.0.0.1:9190 BENCH_THREADS=16 gunicorn … bench.handwritten.screens:app
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
from flask import Flask, Response
from pydantic import BaseModel

from bench.project.schemas.shop import OrderPage, ProductList, User

_Model = TypeVar("_Model", bound=BaseModel)


class Home(BaseModel):
    user: User
    orders: OrderPage
    products: ProductList


app = Flask(__name__)
threads = int(os.environ["BENCH_THREADS"])
pool = ThreadPoolExecutor(3 * threads)
client = httpx.Client(
    base_url=os.environ["BENCH_UPSTREAM"],
    limits=httpx.Limits(
        max_connections=3 * threads, max_keepalive_connections=3 * threads, keepalive_expiry=60
    ),
    timeout=2,
    trust_env=False,
)


@app.get("/screens/home/<int:user_id>")
def show_home(user_id: int) -> Response:
    """The three replies, each under a name of its own."""
    home = _fetch_home(user_id)
    return Response(home.model_dump_json(), mimetype="application/json")


@app.get("/screens/home-large/<int:user_id>")
def show_large_home(user_id: int) -> Response:
    """The same from replies that are ten times as long."""
    home = _fetch_home(user_id, "/large", 200)
    return Response(home.model_dump_json(), mimetype="application/json")


@app.get("/screens/reshaped/<int:user_id>")
def show_reshaped(user_id: int) -> Response:
    """The products joined into the orders, and parts of each."""
    home = _fetch_home(user_id)
    by_id = {product.id: product for product in home.products.products}
    orders = []
    for order in home.orders.orders:
        items = []
        for item in order.items:
            product = by_id.get(item.product_id)
            items.append(
                {
                    "quantity": item.quantity,
                    "title": product.title if product else None,
                    "image": product.images[0] if product else None,
                }
            )
        placed_at = order.placed_at.isoformat().replace("+00:00", "Z")
        orders.append(
            {
                "id": order.id,
                "status": order.status,
                "placed_at": placed_at,
                "total": order.total,
                "items": items,
            }
        )
    return app.json.response(
        {
            "user": {
                "id": home.user.id,
                "name": f"{home.user.first_name} {home.user.last_name}",
            },
            "orders": orders,
            "total_spent": sum(order.total for order in home.orders.orders),
            "popular": [
                {
                    "id": product.id,
                    "title": product.title,
                    "price": product.price,
                    "image": product.images[0],
                }
                for product in home.products.products
            ],
        }
    )


def _fetch_home(user_id: int, prefix: str = "", limit: int = 20) -> Home:
    user = pool.submit(_fetch, f"{prefix}/users/{user_id}", User)
    orders = pool.submit(_fetch, f"{prefix}/orders?user_id={user_id}&limit={limit}", OrderPage)
    products = pool.submit(_fetch, f"{prefix}/popular", ProductList)
    return Home(user=user.result(), orders=orders.result(), products=products.result())


def _fetch(path: str, model: type[_Model]) -> _Model:
    reply = client.get(path)
    reply.raise_for_status()
    return model.model_validate_json(reply.content)
