"""Callers who say who they are: `Authorization: Bearer ann`."""

from bff.identity.ports import NOBODY, CallerRequest, Identity

# By name: what is known of each.
CALLERS = {"ann": {"id": 1, "name": "Ann"}, "bo": {"id": 2, "name": "Bo"}}
ROLES = {"ann": frozenset({"member"})}


class ByName:
    """Believes every name that it knows; everybody else is nobody. Counts how often it is asked."""

    headers: tuple[str, ...] = ("authorization",)

    def __init__(self) -> None:
        self.asked = 0

    def identify(self, request: CallerRequest) -> Identity:
        self.asked += 1
        for value in request.header_values("authorization"):
            name = value.removeprefix("Bearer ")
            if name in CALLERS:
                return Identity(name, CALLERS[name], name, ROLES.get(name, frozenset()))
        return NOBODY

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


def bearer(name: str) -> dict[str, str]:
    """The headers that a caller sends."""
    return {"authorization": f"Bearer {name}"}
