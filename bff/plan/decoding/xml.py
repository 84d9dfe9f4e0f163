"""XML as JSON texts, in the form that the schema wants. Pure.

    <order id="7"><item>a</item><note/></order>
    {"order": {"@id": "7", "item": ["a"], "note": ""}}

Rules:
1. The value is an object with the root's name. Attributes are `@name`, the text beside them or
   beside elements is `#text`, names have their prefixes: `soap:Body`.
2. The schema decides what a list is: of an element that it has as a list, none, one and many are a
   list.
3. An element without content, or with `xsi:nil`, is null where the schema takes a null, else an
   object or a text, as the schema has it. Of an element that the schema has as a text or a number,
   attributes are left out.
4. Entities, and attributes that every element of a name has by declaration, are refused: a small
   body could make a large value of them. Bounds are looked at before anything is built.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from xml.parsers import expat

import xmltodict
from pydantic_core import to_json

from bff.errors import TooLargeError
from bff.plan.decoding.charsets import charset_of, text_of
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, may_be_null

MOST_BYTES: Final = 1024 * 1024
MOST_NODES: Final = 100_000  # elements and attributes
DEEPEST: Final = 200

_TEXT: Final = "#text"
_NIL: Final = "@xsi:nil"
_DECLARED: Final = re.compile(rb"""\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")

_Form = Callable[[Any], Any]


class XmlDecoder:
    """Reads XML for one type. Immutable; safe between threads."""

    __slots__ = ("_form",)

    def __init__(self, wanted: t.Type) -> None:
        self._form = _form_of(wanted, {})

    def __call__(self, body: bytes, content_type: str | None, most: int) -> bytes:
        """The document's JSON text. Raises `ValueError`, and `TooLargeError`."""
        if len(body) > MOST_BYTES:
            raise TooLargeError(f"its XML has more than {MOST_BYTES} bytes")
        declared = _DECLARED.match(body)
        charset = charset_of(content_type) or (declared and declared[1].decode())
        text = text_of(body, charset).encode()
        try:
            _check(text)
            found = xmltodict.parse(text, encoding="utf-8", disable_entities=True)
        except expat.ExpatError as error:
            raise ValueError(f"not XML: {error}") from None
        return to_json(self._form(found))


def _check(text: bytes) -> None:
    """Raises `ValueError` for entities and declared attributes, and `TooLargeError` for too many
    nodes."""
    nodes = depth = 0

    def start(_: str, attributes: list[str]) -> None:
        nonlocal nodes, depth
        nodes += 1 + len(attributes) // 2
        depth += 1
        if nodes > MOST_NODES:
            raise TooLargeError(f"its XML has more than {MOST_NODES} elements and attributes")
        if depth > DEEPEST:
            raise TooLargeError(f"its XML is nested more than {DEEPEST} deep")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse_entities(*_: object) -> None:
        raise ValueError("its XML declares entities")

    def refuse_attributes(*_: object) -> None:
        raise ValueError("its XML declares attributes")

    def refuse_unknown(*_: object) -> None:
        raise ValueError("its XML has an entity of a file that is not read")

    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse_entities
    parser.AttlistDeclHandler = refuse_attributes
    parser.SkippedEntityHandler = refuse_unknown
    parser.Parse(text, True)


def _form_of(wanted: t.Type, named: dict[str, _Form]) -> _Form:
    """What turns a value of xmltodict's into one that the type takes."""
    if isinstance(wanted, t.Named):
        if wanted.name not in named:
            named[wanted.name] = lambda value: forms[0](value)
            forms = [_form_of(wanted.resolve(), named)]
        return named[wanted.name]
    kinds = [each for each in alternatives(wanted) if each != t.NULL]
    takes_null = may_be_null(wanted)
    match kinds:
        case [t.ListOf(element)]:
            return _list_form(_form_of(element, named))
        case [t.ObjectOf() as one]:
            return _object_form(one, named, takes_null=takes_null)
        case _ if any(isinstance(each, t.Anything | t.ListOf | t.ObjectOf) for each in kinds):
            return _as_it_is
        case _:
            return _null_form if takes_null else _text_form


def _as_it_is(value: Any) -> Any:
    return value


def _text_form(value: Any) -> Any:
    """Of an element with attributes, its text."""
    if value is None:
        return ""
    if isinstance(value, dict) and all(name[0] in "@#" for name in value):
        return value.get(_TEXT, "")
    return value


def _null_form(value: Any) -> Any:
    return _text_form(value) or None


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and value.get(_NIL) == "true")


def _list_form(element: _Form) -> _Form:
    def form(value: Any) -> Any:
        return [element(each) for each in (value if isinstance(value, list) else [value])]

    return form


def _object_form(wanted: t.ObjectOf, named: dict[str, _Form], *, takes_null: bool) -> _Form:
    forms = {name: _form_of(field.type, named) for name, field in wanted.fields}
    other = _as_it_is if wanted.extra is None else _form_of(wanted.extra, named)
    lists = [name for name, field in wanted.fields if field.required and _is_list(field.type)]

    def form(value: Any) -> Any:
        if takes_null and _is_null(value):
            return None
        if value is None or isinstance(value, str):
            value = {} if value is None else {_TEXT: value}
        if not isinstance(value, dict):
            return value
        made = {name: forms.get(name, other)(each) for name, each in value.items()}
        for name in lists:
            made.setdefault(name, [])
        return made

    return form


def _is_list(wanted: t.Type) -> bool:
    return any(isinstance(each, t.ListOf) for each in alternatives(wanted))
