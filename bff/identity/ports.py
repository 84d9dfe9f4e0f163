"""Who is calling, as the gateway sees it: a port for providers, and the identity of nobody.

A provider is asked once for each request to something that depends on who is calling, and for no
other. What it tells is all that expressions see as `claims`, and what tells callers' payloads apart
in the cache; so it must tell two callers apart by `key` wherever their claims could differ.
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
    """Tells who a request is from. Called on event loops and threads: keeps no state of its own
    that requests change, and doesn't wait."""

    headers: tuple[str, ...]  # the headers that it reads, in lower case: replies vary by them

    def identify(self, header_values: HeaderValues) -> Identity:
        """The caller of a request with these headers."""


class Anonymous:
    """Knows nobody."""

    headers: tuple[str, ...] = ()

    def identify(self, header_values: HeaderValues) -> Identity:
        """Nobody."""
        return NOBODY
