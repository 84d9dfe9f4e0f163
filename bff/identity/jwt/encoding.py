"""base64url as tokens and keys have it (RFC 7515 §2): no padding, no other character, and one
spelling for each value. Pure."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def decode_base64url(text: str) -> bytes | None:
    """The bytes, None where the text is not the one spelling of any."""
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        return None
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return found if urlsafe_b64encode(found).rstrip(b"=").decode() == text else None
