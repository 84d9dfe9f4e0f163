"""JSON equality as a hashable key: `1` is `1.0`, and neither is `"1"` or `true`.

Python has `True == 1`, which would join a flag to the product with id 1.
"""

from collections.abc import Hashable
from typing import Any


def strict_key(value: Any) -> Hashable:
    """A key that is equal for two JSON values exactly when the values are equal as JSON."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return ("list", *map(strict_key, value))
        case dict():
            return ("object", frozenset((name, strict_key(each)) for name, each in value.items()))
        case _:
            return value  # type: ignore[no-any-return]
