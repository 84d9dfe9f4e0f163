"""A request to a composition from the texts of a command line. Pure.

Each param goes where it is declared: into the path, the query, a header, a form or the body. Its
value is checked by the gateway alone, as any client's is.
"""

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from bff.declarations.suggestions import known_names
from bff.engine.steps.texts import Unsendable, pairs_of
from bff.plan.model.composition import Composition
from bff.plan.model.service import SEPARATORS, CompositionParam
from bff.plan.params.sendable import ENCODED_SLASH
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, is_list, may_be_null, without_null
from bff.web.http.requests import GatewayRequest

Pair = tuple[str, str]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_HOST = (b"host", b"localhost")


class WrongCall(Exception):
    """The command's words make no request; the text has a line for each that is wrong."""


class ScreenCall(NamedTuple):
    """One request to a composition, as it goes to the gateway."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def request(self) -> GatewayRequest:
        """The request, which begins now. Call it on the event loop."""
        body = None if self.body is None else _pieces(self.body)
        return GatewayRequest(self.method, self.path, self.query, self.headers, body)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def screen_call(
    composition: Composition, params: Iterable[Pair], headers: Iterable[Pair], view: str | None
) -> ScreenCall:
    """The request to the composition. Raises `WrongCall`."""
    texts, wrong = _sorted_by_param(composition, params)
    lines = {name.lower().encode(): value for name, value in map(_header, headers)}
    wrong += _missing(composition, texts, lines)
    if view is not None and view not in composition.views:
        wrong.append(f"unknown view '{view}'. {known_names(view, composition.views)}")
    if wrong:
        raise WrongCall("\n".join(wrong))
    values = {name: _value(param, texts[name]) for name, param in _given(composition, texts)}
    try:
        pairs = _pairs(composition, "query", values)
        body = _body(composition, values)
    except Unsendable as error:
        raise WrongCall(f"param '{error.param}' {error.what}") from None
    except ValueError as error:  # an object in a query that holds what has no text
        raise WrongCall(f"a param can't be sent: {error}") from None
    if view is not None:
        pairs.append(f"view={quote(view, safe='')}")
    sent = [_HOST] if b"host" not in lines else []
    if composition.body is not None and body is not None:
        sent.append((b"content-type", composition.body.media_type.encode()))
    for param in composition.params:
        if param.location == "header" and param.name in values:
            lines.pop(param.wire_name.encode(), None)
            sent += [(param.wire_name.encode(), each.encode()) for each in texts[param.name]]
    return ScreenCall(
        composition.method,
        "".join(f"/{_segment(part, values)}" for part in composition.path) or "/",
        "&".join(pairs),
        (*sent, *lines.items()),
        body,
    )


def _header(pair: Pair) -> tuple[str, bytes]:
    name, value = pair
    if _HEADER_NAME(name) is None or not value.isprintable():
        raise WrongCall(f"--header '{name}' can't be sent: its name or its value isn't a header's")
    return name, value.encode()


def _given(
    composition: Composition, texts: Mapping[str, list[str]]
) -> Iterable[tuple[str, CompositionParam]]:
    return ((param.name, param) for param in composition.params if param.name in texts)


def _sorted_by_param(
    composition: Composition, params: Iterable[Pair]
) -> tuple[dict[str, list[str]], list[str]]:
    """The texts of each param by its name in expressions, and what is wrong with them. A param goes
    by its name on the wire, too, and an object in a query by those of its fields."""
    names = {param.name: param for param in composition.params}
    names = {param.public_name: param for param in composition.params if param.public_name} | names
    texts: dict[str, list[str]] = {}
    wrong: list[str] = []
    for name, text in params:
        param = names.get(name) or names.get(name.partition("[")[0])
        if param is None or (name not in names and param.style != "deep_object"):
            wrong.append(f"unknown param '{name}'. {known_names(name, names)}")
        elif not text.isprintable() and _is_undecodable(text):
            wrong.append(f"param '{name}' is not UTF-8")
        elif name not in names:
            texts.setdefault(param.name, []).append(_member(name, text))
        else:
            texts.setdefault(param.name, []).append(text)
    for name, param in _given(composition, texts):
        if len(texts[name]) > 1 and not (param.is_list or is_list(param.type)):
            if param.style == "deep_object":
                continue
            wrong.append(f"param '{name}' came {len(texts[name])} times, and is no list")
    return texts, wrong


def _is_undecodable(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _member(name: str, text: str) -> str:
    """A field of an object, `filter[price][least]`, as the object's JSON."""
    value: Any = text
    for key in reversed(name.partition("[")[2].rstrip("]").split("][")):
        value = {key: value}
    return json.dumps(value)


def _missing(
    composition: Composition, texts: Mapping[str, list[str]], headers: Mapping[bytes, bytes]
) -> list[str]:
    return [
        f"missing param '{param.name}': {brief(param.type)}, --param {param.name}=…"
        for param in composition.params
        if param.required
        and param.name not in texts
        and not (param.location == "header" and param.wire_name.encode() in headers)
    ]


def _value(param: CompositionParam, texts: list[str]) -> Any:
    """The value to send: JSON in a body and for objects, texts elsewhere."""
    if param.style == "deep_object":
        return _object(texts)
    if param.location != "body":
        return texts if param.is_list else texts[0]
    if not is_list(param.type):
        return _json_value(param.type, texts[0])
    if len(texts) == 1 and isinstance(whole := _loaded(texts[0]), list):
        return whole
    elements = [each.element for each in alternatives(param.type) if isinstance(each, t.ListOf)]
    return [_json_value(elements[0], text) for text in texts]


def _object(texts: list[str]) -> Any:
    """An object in one text, or a text for each of its fields."""
    whole: dict[str, Any] = {}
    for text in texts:
        found = _loaded(text)
        if not isinstance(found, dict):
            return text
        _merge(whole, found)
    return whole


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, value)
        elif key in into:
            into[key] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            into[key] = value


def _json_value(wanted: t.Type, text: str) -> Any:
    """The JSON value that a text stands for: `null` where null is a value, a text as it is where
    only texts are, else JSON where it is some."""
    if text == "null" and may_be_null(wanted):
        return None
    if all(_is_text(each) for each in alternatives(without_null(wanted))):
        return text
    return _loaded(text)


def _is_text(each: t.Type) -> bool:
    return each == t.STRING or (isinstance(each, t.Constant) and isinstance(each.value, str))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _pairs(composition: Composition, location: str, values: Mapping[str, Any]) -> list[str]:
    named = tuple(
        (param, quote(param.wire_name, safe=""))
        for param in composition.params
        if param.location == location
    )
    return pairs_of(named, values)


def _segment(part: str | CompositionParam, values: Mapping[str, Any]) -> str:
    if isinstance(part, str):
        return quote(part, safe="")
    if isinstance(values[part.name], list):
        return quote(SEPARATORS.get(part.style, ",").join(values[part.name]), safe=",")
    if not part.is_rest:
        return quote(values[part.name], safe="")
    parts = ENCODED_SLASH.split(values[part.name])  # every second is such a slash, and stays
    return "".join(each if index % 2 else quote(each) for index, each in enumerate(parts))


def _body(composition: Composition, values: Mapping[str, Any]) -> bytes | None:
    body = composition.body
    params = [each for each in composition.params if each.location in ("body", "form")]
    if body is None or not any(param.name in values for param in params):
        return None
    match body.kind:
        case "form":
            return "&".join(_pairs(composition, "form", values)).encode()
        case "fields":
            fields = {each.wire_name: values[each.name] for each in params if each.name in values}
            return json.dumps(fields).encode()
        case "json":
            return json.dumps(values[params[0].name]).encode()
        case "text":
            return str(values[params[0].name]).encode()
