"""What the books service returns, as far as screens may know it.

A field that a model lacks never leaves the gateway, however much the service sends.
"""

from pydantic import BaseModel


class Book(BaseModel):
    id: int
    title: str
    author_id: int
    year: int
    pages: int | None


class Author(BaseModel):
    id: int
    name: str
    country: str


class Review(BaseModel):
    rating: int
    text: str
