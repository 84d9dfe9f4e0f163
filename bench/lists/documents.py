"""The lists that the upstream serves: the same path gives the same bytes for ever. Pure.

Each element holds the list's name, so that a reply that went to the wrong request is seen.
"""

import json
from functools import lru_cache
from typing import Any

Json = dict[str, Any]

ITEM_BYTES = 128  # an element's, the comma or bracket before it included
_MARK = b"~"  # stands nowhere else in a list
_TAGS = ("oak", "wool", "linen", "paper")


def make_list(count: int, name: str) -> list[Json]:
    """So many elements, which `schemas.lists:Item` knows; `name` is of letters, digits and
    dashes, 20 at most."""
    return [_item(number, name) for number in range(count)]


def list_bytes(count: int, name: str) -> bytes:
    """The same as JSON: `count * ITEM_BYTES + 1` bytes. For names of one length it is written once,
    since an upstream that is slow itself would be in the figures."""
    return _template(count, len(name)).replace(_MARK * len(name), name.encode())


@lru_cache(maxsize=64)
def _template(count: int, name_length: int) -> bytes:
    return _written(make_list(count, _MARK.decode() * name_length)).encode()


def _item(number: int, name: str) -> Json:
    item: Json = {
        "id": number,
        "of": name,
        "price": number % 100 + number % 4 / 4,
        "tags": [_TAGS[number % 4], _TAGS[(number + 1) % 4]],
        "is_new": number % 3 == 0,
        "note": None if number % 5 == 0 else "",
        "title": "",
    }
    item["title"] = "x" * (ITEM_BYTES - 1 - len(_written(item)))
    return item


def _written(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
