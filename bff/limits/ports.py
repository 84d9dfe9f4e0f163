"""What a limit says of a request, and the port for those that count."""

from collections.abc import Awaitable
from typing import NamedTuple, Protocol


class Admitted(NamedTuple):
    """It counts, and is within the limit: `remaining` more may come at once, as far as is known,
    and there will be one more in `seconds`."""

    remaining: int
    seconds: int


class Exceeded(NamedTuple):
    """The limit is used up; there will be one more request in `seconds`, at least 1."""

    seconds: int


class Uncounted(NamedTuple):
    """Nobody can count now, and it is admitted."""


class Unavailable(NamedTuple):
    """Nobody can count now, and so it is not admitted. Better try again in `seconds`."""

    seconds: int


Verdict = Admitted | Exceeded | Uncounted | Unavailable

UNCOUNTED = Uncounted()
UNAVAILABLE = Unavailable(1)


class Meter(Protocol):
    """Counts for one limit. `key` names who is counted: a short text."""

    def take(self, key: str) -> Verdict | Awaitable[Verdict]:
        """Count a request. Safe on any thread; an awaitable belongs to the gateway's loop."""

    def used_up(self, key: str) -> Exceeded | None:
        """What `take` is known to say already, where that is a refusal. Asks nobody."""

    def __len__(self) -> int:
        """How many are remembered."""

    def give_back(self, key: str) -> None:
        """Take a request that was admitted back out of the count: another limit refused it."""

    async def close(self) -> None:
        """Let go of what is held."""
