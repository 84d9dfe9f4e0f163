"""Callers: a port for identity providers, and the identity of nobody.

The gateway calls a provider once for each request to an endpoint that depends on the caller, and
for no other request. Expressions see the `claims` that it returns. The cache separates callers'
payloads by `key`, so two callers whose claims could differ must have two keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

HeaderValues = Callable[[str], list[str]]  # by lower-case name, in order


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller. `key` is the same for the same caller always, and no secret; "" is nobody.
    `claims` are JSON values."""

    key: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)


NOBODY = Identity()


class IdentityProvider(Protocol):
    """Identifies callers. It is called on event loops and on threads: it has no state that requests
    change, and never waits."""

    headers: tuple[str, ...]  # the headers that it reads, in lower case: replies vary by them

    def identify(self, header_values: HeaderValues) -> Identity:
        """The caller of a request with these headers."""


class Anonymous:
    """Identifies nobody."""

    headers: tuple[str, ...] = ()

    def identify(self, header_values: HeaderValues) -> Identity:
        """Nobody."""
        return NOBODY
