"""What the users service returns, as far as screens may know it.

Fields that a model lacks never leave the gateway, however much the service sends.
"""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel


class Address(BaseModel):
    street: str
    city: str
    postal_code: str
    country: str


class Loyalty(BaseModel):
    tier: Literal["bronze", "silver", "gold"]
    points: int


class User(BaseModel):
    id: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    birth_date: date
    avatar_url: str
    address: Address
    loyalty: Loyalty
    favourite_categories: list[str]
    created_at: datetime


class UserList(BaseModel):
    users: list[User]


class Wishlist(BaseModel):
    user_id: int
    product_ids: list[int]
