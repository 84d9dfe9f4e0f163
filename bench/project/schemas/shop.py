"""What the upstream returns, as far as screens may know it; the hand-written rows use it too."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field


class Address(BaseModel):
    street: str
    city: str
    postal_code: str
    country: str


class User(BaseModel):
    id: int
    username: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    born_on: date
    loyalty: Literal["none", "silver", "gold"]
    image: str
    addresses: list[Address]


class OrderItem(BaseModel):
    product_id: int
    quantity: int = Field(ge=1)
    unit_price: float


class Order(BaseModel):
    id: int
    user_id: int
    status: Literal["placed", "paid", "shipped", "delivered", "cancelled"]
    placed_at: datetime
    currency: str
    items: list[OrderItem]
    shipping: float
    total: float
    tracking: str | None


class OrderPage(BaseModel):
    orders: list[Order]
    total: int
    limit: int


class Dimensions(BaseModel):
    width: float
    height: float
    depth: float


class Product(BaseModel):
    id: int
    title: str
    description: str
    category: str
    brand: str | None
    price: float
    rating: float = Field(ge=0, le=5)
    stock: int
    tags: list[str]
    dimensions: Dimensions
    images: list[str]


class ProductList(BaseModel):
    products: list[Product]
