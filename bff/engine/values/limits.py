"""What one request may cost, and the budgets of one run."""

from dataclasses import dataclass
from typing import Final

from bff.errors import TooLargeError

HEADER_BYTES: Final = 32 * 1024  # of all headers of one request
FORM_BYTES: Final = 1024 * 1024  # of one param in a form


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. Replies count by weight: see `bff.engine.steps.bodies`."""

    reply_bytes: int = 4 * 1024 * 1024  # of one upstream reply
    replies_bytes: int = 16 * 1024 * 1024  # of all replies that a run reads
    requests_bytes: int = 16 * 1024 * 1024  # of all requests that a run sends
    payload_bytes: int = 16 * 1024 * 1024  # of the payload and all views; of all that joins repeat
    off_loop_bytes: int = 256 * 1024  # heavier bodies, and what reads them, leave the loop


class Budget:
    """The bytes that one run may have of one kind. For one thread at a time."""

    __slots__ = ("_of", "left", "most")

    def __init__(self, most: int, of: str) -> None:
        self.most = most
        self.left = most
        self._of = of

    def spend(self, size: int) -> None:
        """Take `size` bytes. Raises `TooLargeError` where fewer are left, and takes none."""
        if size > self.left:
            raise self._too_large()
        self.left -= size

    def take(self, size: int) -> bool:
        """Take `size` bytes, and return whether there were as many; else it takes none."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def require(self, size: int) -> None:
        """Raises `TooLargeError` where fewer than `size` bytes are left."""
        if size > self.left:
            raise self._too_large()

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"{self._of} have more than {self.most} bytes")
