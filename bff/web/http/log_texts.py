"""Values as they stand in lines of the log: JSON in ASCII, cut to a bound. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

_ELLIPSIS = " … "


def bounded_json(members: Mapping[str, Any], most: int) -> str:
    """An object as JSON of at most `most` characters. Where it is longer, the longest values are
    cut, and what is not a text becomes the text of its JSON."""
    text = json_text(members)
    if len(text) <= most:
        return text
    room = most // len(members) - 64  # for names and punctuation
    return json_text({name: _cut_value(value, room) for name, value in members.items()})


def _cut_value(value: Any, most: int) -> Any:
    text = json_text(value)
    if len(text) <= most:
        return value
    source = value if isinstance(value, str) else text
    length = most
    while (
        len(json_text(shorter := cut(source, length))) > most
    ):  # escapes take up to six characters
        length //= 2
    return shorter


def cut(text: str, most: int) -> str:
    """The head and the tail of a text, of at most `most` characters together."""
    if len(text) <= most:
        return text
    tail = most * 2 // 3  # a traceback ends with what happened
    return text[: most - tail - len(_ELLIPSIS)] + _ELLIPSIS + text[-tail:]


def json_text(value: Any) -> str:
    """A value as JSON in ASCII: no character of it ends a line, and none acts on a terminal."""
    try:
        return to_json(value, ensure_ascii=True, fallback=repr).decode()
    except ValueError:  # a surrogate alone, which pydantic refuses; json takes four times as long
        return json.dumps(value, default=repr)
