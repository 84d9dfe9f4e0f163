"""What is known of callers, whatever they identify themselves by."""

from pydantic import BaseModel


class Claims(BaseModel):
    """`sub` is a user's id for people, and whatever the key states for partners."""

    sub: str
    name: str | None = None
    roles: list[str] = []
