"""Users, products and orders, generated from a seed.

Each kind has a random stream of its own, so that more users do not change the products. Money is
counted in cents while it is added up, and leaves as a number with two decimals.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from examples.services import vocabulary

USER_COUNT = 240
PRODUCT_COUNT = 320
GONE_PRODUCTS = range(PRODUCT_COUNT + 1, PRODUCT_COUNT + 13)  # once sold, no longer offered
GONE_BRANDS = (7, 18)  # products still name them
ORDER_COUNT = 1600

_NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)  # "today" in the data, so that it never changes

Record = dict[str, Any]


def generate_users(seed: int) -> list[Record]:
    """Users with ids from 1, fields that no screen should see among them."""
    random = Random(f"{seed}:users")
    return [_user(random, number) for number in range(1, USER_COUNT + 1)]


def generate_products(seed: int) -> list[Record]:
    """Products with ids from 1; one in twelve is out of stock."""
    random = Random(f"{seed}:products")
    return [_product(random, number) for number in range(1, PRODUCT_COUNT + 1)]


def generate_brands(seed: int) -> list[Record]:
    """The brands that products name, but for those that are gone."""
    random = Random(f"{seed}:brands")
    brands = [
        {
            "id": number,
            "name": name,
            "country": random.choice(vocabulary.CITIES)[1],
            "founded": random.randint(1890, 2020),
            "contract_terms": f"net {random.choice((30, 60, 90))}",
        }
        for number, name in enumerate(vocabulary.BRANDS, start=1)
    ]
    return [brand for brand in brands if brand["id"] not in GONE_BRANDS]


def generate_reviews(seed: int) -> list[Record]:
    """Reviews of products by users, newest first within a product."""
    random = Random(f"{seed}:reviews")
    reviews: list[Record] = []
    for product_id in range(1, PRODUCT_COUNT + 1):
        for _ in range(random.randint(0, 14)):
            stars = random.choices((1, 2, 3, 4, 5), weights=(4, 6, 15, 35, 40))[0]
            reviews.append(
                {
                    "id": len(reviews) + 1,
                    "product_id": product_id,
                    "user_id": random.randint(1, USER_COUNT),
                    "stars": stars,
                    "text": random.choice(vocabulary.OPINIONS[stars]),
                    "written_at": _moment(random, days=500),
                    "ip_address": f"192.0.2.{random.randint(1, 254)}",
                }
            )
    return sorted(reviews, key=lambda review: review["written_at"], reverse=True)


def generate_orders(seed: int, products: Sequence[Record]) -> list[Record]:
    """Orders, newest first; a few items are of products that are gone."""
    random = Random(f"{seed}:orders")
    orders = [_order(random, products) for _ in range(ORDER_COUNT)]
    orders.sort(key=lambda order: order["placed_at"])
    for number, order in enumerate(orders, start=1):
        order["id"] = number
    return orders[::-1]


def to_money(cents: int) -> float:
    """Cents as a number with two decimals: 1999 → 19.99."""
    return round(cents / 100, 2)


def to_cents(money: float) -> int:
    """The other way round, exact for what `to_money` gave."""
    return round(money * 100)


def _user(random: Random, number: int) -> Record:
    first, last = random.choice(vocabulary.FIRST_NAMES), random.choice(vocabulary.LAST_NAMES)
    city, country, postal_code = random.choice(vocabulary.CITIES)
    points = random.randint(0, 9000)
    gone = random.sample(GONE_PRODUCTS, k=random.choice((0, 0, 1)))
    wishlist = random.sample(range(1, PRODUCT_COUNT + 1), k=random.randint(2, 7)) + gone
    random.shuffle(wishlist)
    return {
        "id": number,
        "first_name": first,
        "last_name": last,
        "email": f"{_plain(first)}.{_plain(last)}{number}@example.org",
        "phone": f"+00 555 {random.randint(0, 9999999):07d}" if random.random() < 0.8 else None,
        "birth_date": (date(1950, 1, 1) + timedelta(days=random.randrange(20000))).isoformat(),
        "avatar_url": f"https://images.example/avatars/{number}.jpg",
        "address": {
            "street": f"{random.randint(1, 120)} {random.choice(vocabulary.STREETS)}",
            "city": city,
            "postal_code": postal_code,
            "country": country,
        },
        "loyalty": {"tier": _tier(points), "points": points},
        "favourite_categories": random.sample(sorted(vocabulary.CATEGORIES), k=2),
        "wishlist": wishlist,
        "created_at": _moment(random, days=2000),
        "password_hash": f"$argon2id$v=19$m=65536,t=3,p=4${random.getrandbits(128):032x}",
        "ssn": f"900-{random.randint(10, 99)}-{random.randint(1000, 9999)}",  # 900 is never issued
        "internal_notes": random.choice((None, "prefers e-mail", "calls often", "chargeback 2024")),
    }


def _plain(name: str) -> str:
    """A name in plain letters, for addresses: Müller → muller."""
    return name.lower().translate(str.maketrans("äöüíóąś", "aouioas"))


def _tier(points: int) -> str:
    if points >= 6000:
        return "gold"
    return "silver" if points >= 2500 else "bronze"


def _product(random: Random, number: int) -> Record:
    category = random.choice(sorted(vocabulary.CATEGORIES))
    nouns, (low, high) = vocabulary.CATEGORIES[category]
    noun = random.choice(nouns)
    finish, quality = random.choice(vocabulary.FINISHES), random.choice(vocabulary.QUALITIES)
    price = random.randrange(low, high, 50) + 49
    return {
        "id": number,
        "sku": f"{category[:3].upper()}-{number:05d}",
        "title": f"{quality} {finish} {noun}",
        "description": (
            f"A {quality.lower()} {noun.lower()} in {finish.lower()}, made to be used every day "
            "and repaired when it needs to be."
        ),
        "category": category,
        "brand_id": random.randint(1, len(vocabulary.BRANDS)),
        "price": to_money(price),
        "rating": round(random.uniform(2.8, 5.0), 1),
        "stock": random.choice((0, *random.choices(range(1, 200), k=11))),
        "tags": sorted({category, finish.lower(), quality.lower()}),
        "images": [
            f"https://images.example/products/{number}-{side}.jpg" for side in ("front", "back")
        ],
        "dimensions": {
            "width_cm": random.randint(5, 120),
            "height_cm": random.randint(5, 120),
            "weight_kg": round(random.uniform(0.1, 18), 1),
        },
        "supplier_cost": to_money(round(price * random.uniform(0.3, 0.6))),
        "warehouse_bin": f"{random.choice('ABCDEF')}{random.randint(1, 80):02d}",
    }


def _order(random: Random, products: Sequence[Record]) -> Record:
    lines = [_line(random, products) for _ in range(random.choice((1, 1, 2, 2, 3, 4, 6)))]
    items = sum(to_cents(line["unit_price"]) * line["quantity"] for line in lines)
    shipping = 0 if items >= 5000 else 490
    status = random.choices(
        ("placed", "paid", "shipped", "delivered", "cancelled"), weights=(5, 10, 10, 70, 5)
    )[0]
    tracked = status in ("shipped", "delivered")
    return {
        "id": 0,  # given once the orders are sorted by date
        "user_id": random.randint(1, USER_COUNT),
        "status": status,
        "placed_at": _moment(random, days=700),
        "currency": "EUR",
        "items": lines,
        "shipping": to_money(shipping),
        "total": to_money(items + shipping),
        "tracking": f"TRK{random.getrandbits(40):012d}" if tracked else None,
        "payment_token": f"tok_{random.getrandbits(96):024x}",
        "fraud_score": round(random.random(), 3),
        "warehouse": random.choice(("north", "south")),
    }


def _line(random: Random, products: Sequence[Record]) -> Record:
    quantity = random.choice((1, 1, 1, 2, 3))
    if random.random() < 0.03:
        gone = random.choice(GONE_PRODUCTS)
        return {"product_id": gone, "quantity": quantity, "unit_price": 19.99}
    product = random.choice(products)
    return {"product_id": product["id"], "quantity": quantity, "unit_price": product["price"]}


def _moment(random: Random, *, days: int) -> str:
    moment = _NOW - timedelta(minutes=random.randrange(days * 24 * 60))
    return moment.isoformat().replace("+00:00", "Z")
