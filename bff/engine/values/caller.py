"""Who asks, as far as services may learn it. `bff.identity` has such values."""

from collections.abc import Mapping
from typing import Any, Protocol

from bff.secret import Secret


class Caller(Protocol):
    """A caller. Immutable."""

    @property
    def key(self) -> str:
        """What separates callers; "" is nobody."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """What is known of the caller: JSON values."""

    @property
    def token(self) -> Secret | None:
        """The caller's own access token."""
