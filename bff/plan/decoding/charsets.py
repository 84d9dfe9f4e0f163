"""Bodies as text: byte order marks, charsets, halves of surrogate pairs. Pure.

A lone surrogate is half a character, which no UTF-8 can hold: JavaScript writes one where it cuts a
text within an emoji. It becomes U+FFFD, the sign for what can't be read.
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from encodings import normalize_encoding
from encodings.aliases import aliases
from json import detect_encoding
from typing import Final

UNREADABLE: Final = "\ufffd"

# The charsets of the Encoding Standard that Python has (https://encoding.spec.whatwg.org), UTF-32
# too. Python's other codecs are no charsets, or take time that grows with the square.
_CHARSETS: Final = frozenset(
    ["ascii", "big5", "big5hkscs", "cp866", "cp874", "cp932", "cp949", "cp1250", "cp1251", "cp1252",
     "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "euc_jp", "euc_kr", "gb18030",
     "gb2312", "gbk", "iso2022_jp", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6",
     "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_10", "iso8859_13", "iso8859_14", "iso8859_15",
     "iso8859_16", "koi8_r", "koi8_u", "latin_1", "mac_cyrillic", "mac_roman", "shift_jis", "utf_8",
     "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_8_sig"]
)  # fmt: skip
_WIDER: Final = {  # what is called so is often written so
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
# A name is looked up here and not by `codecs.lookup`, which holds every name for ever.
_BY_NAME: Final = {
    name: _WIDER.get(charset, charset)
    for name, charset in (aliases | {each: each for each in _CHARSETS}).items()
    if charset in _CHARSETS
}
_CHARSET_PARAM: Final = re.compile(
    r""";[ \t]*charset[ \t]*=[ \t]*(?:"([^"]+)"|([^\s;"]+))""", re.IGNORECASE
)
_LONE: Final = re.compile("[\ud800-\udfff]")
_LONE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def charset_of(content_type: str | None) -> str | None:
    """The charset that a `Content-Type` names."""
    found = None if content_type is None else _CHARSET_PARAM.search(content_type)
    return found and (found[1] or found[2])


def text_of(body: bytes, charset: str | None) -> str:
    """The text of a body in this charset; by its byte order mark, or in UTF-8, where none is named.
    Raises `ValueError`."""
    marked = "utf_8_sig" if body.startswith(BOM_UTF8) else detect_encoding(body[:4])
    has_mark = body.startswith((BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        return whole_text(_decoded(body, charset if charset and not has_mark else marked))
    except UnicodeDecodeError:
        raise ValueError("its text is not of its charset") from None


def json_text_of(body: bytes, charset: str | None) -> str:
    """The same of JSON, which is UTF-8 whatever is named (RFC 8259 §8.1). What is not is of the
    charset that is named. Raises `ValueError`."""
    try:
        return whole_text(_decoded(body, detect_encoding(body)))
    except UnicodeDecodeError:
        return text_of(body, charset)


def whole_text(text: str) -> str:
    """The text, with U+FFFD for each lone surrogate."""
    return _LONE.sub(UNREADABLE, text)


def without_lone_escapes(text: str) -> str:
    """The JSON text, with U+FFFD for each lone surrogate that is written as an escape."""
    if not _LONE_ESCAPE.search(text):
        return text
    return _ESCAPE.sub(lambda found: UNREADABLE if found["lone"] else found[0], text)


def _decoded(body: bytes, charset: str) -> str:
    name = _BY_NAME.get(normalize_encoding(charset.strip()).lower())
    if name is None:
        raise ValueError("its charset is unknown")
    # Lone surrogates are a mistake that UTF-8 and UTF-16 may hold.
    return body.decode(name, "surrogatepass")
