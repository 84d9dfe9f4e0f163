"""Values of a line of the log as JSON in ASCII, cut to a bound. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

LINE_BYTES: Final = 16 * 1024
_FACTS_BYTES: Final = LINE_BYTES - 4096  # the rest of a line takes less
_SHORT: Final = 300  # a line has room for 40 such fields
_ELLIPSIS = " … "


class Facts(dict[str, Any]):
    """Fields that many lines share, by their names, rendered once. They must not change."""

    __slots__ = ("text",)

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(facts)
        self.text = members(facts)


def members(facts: Mapping[str, Any]) -> bytes:
    """The facts as members of a JSON object, each followed by a comma."""
    if not facts:
        return b""
    return b"%b," % bounded_json(facts, _FACTS_BYTES)[1:-1].encode()


def bounded_json(members: Mapping[str, Any], most: int) -> str:
    """An object as JSON of at most `most` characters. Where it is longer, the long values are cut:
    texts, lists of texts, and other values as the text of their JSON."""
    text = json_text(members)
    if len(text) <= most:
        return text
    lengths = {name: len(json_text(value)) for name, value in members.items()}
    long = [name for name, length in lengths.items() if length > _SHORT]
    room = most - len(text) + sum(lengths[name] for name in long)
    cut_values = {name: _cut_value(members[name], room // len(long)) for name in long}
    return json_text({**members, **cut_values})


def _cut_value(value: Any, most: int) -> Any:
    text = json_text(value)
    if len(text) <= most:
        return value
    if isinstance(value, list):  # a field has the same type in all lines
        return [_cut_value(text, most - 4)]
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


NO_FACTS: Final = Facts({})
