"""Callers who say who they are: `Authorization: Bearer ann`."""

from collections.abc import Mapping
from typing import Any

from bff.identity.ports import NOBODY, CallerRequest, Identity
from bff.secret import Secret

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


class ByToken(ByName):
    """Knows these callers' claims by the token that each sends, which is the caller's name. Of
    `without_token` it knows no token: they are known by another credential."""

    def __init__(self, claims: Mapping[str, Mapping[str, Any]], *without_token: str) -> None:
        super().__init__()
        self._claims = claims
        self._without_token = without_token

    def identify(self, request: CallerRequest) -> Identity:
        self.asked += 1
        for value in request.header_values("authorization"):
            name = value.removeprefix("Bearer ")
            if name in self._claims:
                token = None if name in self._without_token else Secret(f"token-of-{name}")
                return Identity(name, self._claims[name], name, token=token)
        return NOBODY


def bearer(name: str) -> dict[str, str]:
    """The headers that a caller sends."""
    return {"authorization": f"Bearer {name}"}
