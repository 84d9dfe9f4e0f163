"""Digests of what a plan is made of: caches forget what was made by another plan."""

import hashlib
import json


def digest_of(value: object) -> str:
    """40 hexadecimal digits that change whenever the value's JSON text does. The order of keys
    doesn't count; a value that JSON lacks counts as its text."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
