"""Files with one mistake each, by subject, and the message that `bff check` prints of it.

Each module has `ROWS`, from a name to a `Broken`; `tests/unit/check/test_broken.py` checks them.
"""

from dataclasses import dataclass, field

from tests.support.projects import SHOP_SERVICE


@dataclass(frozen=True, slots=True)
class Broken:
    """A project whose only mistake begins at the mark `▶` in `text`, the content of `file`.

    `message` is the problem without its place; `services` are other files of services, by name."""

    file: str
    text: str
    message: str
    services: dict[str, str] = field(default_factory=dict)


def broken_operation(text: str, message: str) -> Broken:
    """An operation of the shop, after those that it has: its lines begin with two blanks."""
    return Broken("services/shop.yaml", f"{SHOP_SERVICE.strip()}\n{text.strip(chr(10))}\n", message)


def broken_composition(text: str, message: str, service: str = "") -> Broken:
    """A composition; `service` are operations that the shop has beside its own."""
    services = {"shop": f"{SHOP_SERVICE}{service}"}
    return Broken("compositions/screen.yaml", text, message, services)
