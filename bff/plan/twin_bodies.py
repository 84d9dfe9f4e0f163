"""Which texts of JSON a twin may read: those in which msgspec takes nothing that pydantic refuses.

msgspec goes over the values of unknown keys without looking: text that is no UTF-8, integers of any
length, and nesting as deep as Python's recursion limit pass. And it rounds a time's seventh digit,
where pydantic cuts it off. Each function may take a text for worse than it is, never for better.

What it costs for the 15 KB of `bench/`, where decoding and encoding take 132 µs: UTF-8 2 µs, digits
3 µs, nesting 7 µs; times, of the two replies that have them, 12 µs. At 4 MiB nesting takes 23 ms
over products, and 90 ms over one text of brackets, which is the worst.
"""

from typing import Final

# pydantic's parser stops near 200 levels and at 4300 digits
_DEEPEST: Final = 180
_MOST_DIGITS: Final = 4300

_ALL_BUT_MARKS: Final = bytes(each for each in range(256) if each not in b'{}[]"')
_DIGITS_TO_ZERO: Final = bytes(ord("0") if each in b"0123456789" else each for each in range(256))
_FINE_TIME: Final = b":00:00.0000000"  # seven digits of a second, where each digit is a zero


def means_the_same(body: bytes) -> bool:
    """Whether what msgspec doesn't look at is harmless. Raises `UnicodeDecodeError`."""
    if not body.isascii():
        body.decode()
    return not (_may_have_long_integers(body) or _may_be_deep(body))


def times_mean_the_same(body: bytes) -> bool:
    """Whether no time in it is finer than a microsecond."""
    if b"\\" in body and (b"\\u003" in body or b"\\u002" in body):
        return False  # a digit, colon or point may be spelled so
    return _FINE_TIME not in body.translate(_DIGITS_TO_ZERO)


def _may_have_long_integers(body: bytes) -> bool:
    half = _MOST_DIGITS // 2
    # A longer run holds one of these places, and half of it or more is on one side
    for at in range(_MOST_DIGITS, len(body), _MOST_DIGITS):
        if body[at : at + half].isdigit() or body[at - half : at].isdigit():
            return True
    return False


def _may_be_deep(body: bytes) -> bool:
    # To count with `replace` takes half the time of `count`
    if 2 * len(body) - len(body.replace(b"{", b"")) - len(body.replace(b"[", b"")) <= _DEEPEST:
        return False
    if b"\\" in body:  # left to right, so that the quote of `\\"` stays and that of `\"` goes
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Only brackets and quotes stay, and then no quotes if every text is empty: each run of them
    # between brackets is even then, so that no bracket is inside a text.
    marks = body.translate(None, _ALL_BUT_MARKS).replace(b'""', b"")
    if b'"' in marks:
        return True
    for levels in range(0, 32, 2):  # each turn takes off the innermost level, or two
        if levels + len(marks) // 2 <= _DEEPEST:
            return False
        marks = marks.replace(b"{}", b"").replace(b"[]", b"")
    return True
