"""The users service: people, and what they wish for."""

from typing import Any

from examples.services.data import generate_users
from examples.services.web import Refusal, Request, Service


def build(seed: int) -> Service:
    """The service over users generated from `seed`."""
    users = {user["id"]: user for user in generate_users(seed)}
    service = Service("users")

    def find(request: Request) -> dict[str, Any]:
        number = request.path_number("id")
        if number not in users:
            raise Refusal(404, f"there is no user {number}")
        return users[number]

    def list_users(request: Request) -> Any:
        """Those of the users asked for that exist, in the order they were asked for."""
        return {"users": [users[each] for each in request.numbers("ids") if each in users]}

    def get_wishlist(request: Request) -> Any:
        user = find(request)
        return {"user_id": user["id"], "product_ids": user["wishlist"]}

    service.add("GET", "/users", list_users)
    service.add("GET", "/users/{id}", find)
    service.add("GET", "/users/{id}/wishlist", get_wishlist)
    return service
