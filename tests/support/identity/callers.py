"""Callers who say who they are: `Authorization: Bearer ann`."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from bff.identity.ports import NOBODY, CallerRequest, Claims, Identity, Refusal
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


class Credentials:
    """An authenticator that knows these credentials by heart, and counts what it is asked. Those
    whose names begin with `late-` take waiting."""

    def __init__(self, known: Mapping[str, Claims]) -> None:
        self._known = known
        self.asked: list[str] = []
        self.is_open = False

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        self.asked.append(credential)
        found = self._known.get(credential.removeprefix("late-"), BAD_TOKEN)
        return _later(found) if credential.startswith("late-") else found

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


BAD_TOKEN = Refusal(401, "invalid_token", "The token is none that the gateway takes.")


async def _later(found: Claims | Refusal) -> Claims | Refusal:
    await asyncio.sleep(0)
    return found
