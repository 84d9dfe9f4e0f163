"""What a checkout takes, and what a reservation of stock looks like."""

from datetime import datetime

from pydantic import BaseModel, Field


class CartItem(BaseModel):
    product_id: int = Field(ge=1)
    quantity: int = Field(ge=1, le=100)


class ReservedLine(BaseModel):
    product_id: int
    title: str
    quantity: int
    unit_price: float


class Reservation(BaseModel):
    id: str
    lines: list[ReservedLine]
    total: float
    expires_at: datetime
