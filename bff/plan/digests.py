"""Digests of what a plan is made of: caches forget what was made by another plan."""

import hashlib
import json
from functools import partial

from bff.secret import Secret


def digest_of(value: object, key: str = "") -> str:
    """40 hexadecimal digits that change whenever the value's JSON text does. The order of keys
    doesn't count; a value that JSON lacks counts as its text, and a secret as its fingerprint under
    `key`."""
    text = json.dumps(value, sort_keys=True, default=partial(_text, key))
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _text(key: str, value: object) -> str:
    return value.fingerprint(key) if isinstance(value, Secret) else str(value)
