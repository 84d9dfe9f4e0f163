"""What the orders service returns, as far as screens may know it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


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
    total: int  # of all pages together
    limit: int
    offset: int
