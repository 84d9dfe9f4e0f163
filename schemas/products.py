"""What the products service returns, as far as screens may know it."""

from datetime import datetime

from pydantic import BaseModel


class Dimensions(BaseModel):
    width_cm: float
    height_cm: float
    weight_kg: float


class Product(BaseModel):
    id: int
    sku: str
    title: str
    description: str
    category: str
    brand_id: int
    price: float
    rating: float
    stock: int
    tags: list[str]
    images: list[str]
    dimensions: Dimensions


class ProductList(BaseModel):
    products: list[Product]


class RelatedProducts(BaseModel):
    product_ids: list[int]


class Review(BaseModel):
    id: int
    user_id: int
    stars: int
    text: str
    written_at: datetime


class ReviewList(BaseModel):
    reviews: list[Review]
    total: int


class Brand(BaseModel):
    id: int
    name: str
    country: str
    founded: int
