"""Params and the places where they stand: names on the wire, forms of lists and objects, headers.

A param's own keys are checked by `bff.declarations.models.param`. Here stands what is wrong between
a param and its place, and between the params of one place.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import TOKEN, Location, identifier_violation
from bff.declarations.models.param import OperationParamDecl, ParamDecl
from bff.header_names import TRACE

Params = Mapping[str, ParamDecl]

FORM_TYPE = "application/x-www-form-urlencoded"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_IN_PAIRS = ("query", "form")  # where a param is pairs of a name and a text
_SEPARATORS = {"comma": (",", "a comma"), "space": (" ", "a blank"), "pipe": ("|", "a pipe")}

# What frames a request or belongs to one connection (RFC 9110 §7.6.1), and what the gateway sends
# itself: no operation's param may set it.
_OWN_HEADERS = frozenset({
    "accept-encoding", "connection", "content-length", "content-type", "expect", "host",
    "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def wire_name(key: str, param: ParamDecl) -> str:
    """The name that a param has on the wire; of a header, as it is written."""
    return param.name or key


def check_params(params: Params, locations: Mapping[str, Location]) -> Iterator[Violation]:
    """What is wrong between params and where they are, for compositions and operations alike;
    those whose location is not known are passed over."""
    for key, location in locations.items():
        param = params[key]
        yield from _name_violations(key, param, location)
        if location == "path" and not param.is_required:
            yield _at_key(
                key, f"'{key}' is in the path, so it is always there",
                "Leave `default` and `required` out.",
            )  # fmt: skip
        yield from _form_violations(key, param, location)
        if isinstance(param, OperationParamDecl) and param.slash and location != "path":
            yield Violation(
                "`slash` is for params in the path", "", ("params", key, "slash"), at_key=True
            )
        if param.whole and location != "body":
            yield Violation(
                f"'{key}' is in the {location}, and `whole` is for a body",
                "Add `in: body`, or leave `whole` out.", ("params", key, "whole"), at_key=True,
            )  # fmt: skip
        elif param.whole and param.name is not None:
            yield Violation(
                "a whole body has no name", "Leave `name` out.", ("params", key, "name"),
                at_key=True,
            )  # fmt: skip
    yield from _repeated_names(params, locations)
    yield from _divided_bodies(params, locations)


def _name_violations(key: str, param: ParamDecl, location: Location) -> Iterator[Violation]:
    wire = wire_name(key, param)
    if location == "header" and not TOKEN.fullmatch(wire):
        yield _at_name(key, param, f"'{wire}' is no header's name")
    named = location != "header" or param.name is not None
    if named and (found := identifier_violation(key)):
        mend = found.mend
        if location != "path" and param.name is None:
            mend = f"{mend} The name on the wire stands beside it: name: '{key}'."
        yield _at_key(key, found.what, mend)
    if location == "path" and param.name is not None:
        yield Violation(
            f"'{key}' is in the path, which has no names on the wire",
            "Leave `name` out.", ("params", key, "name"), at_key=True,
        )  # fmt: skip


def _form_violations(key: str, param: ParamDecl, location: Location) -> Iterator[Violation]:
    """What is wrong with the form that a value has in its place."""
    is_deep = param.style == "deep_object"
    if param.schema_ is not None and location != "body" and not (is_deep and location in _IN_PAIRS):
        more = " or `style: deep_object`" if location in _IN_PAIRS else ""
        yield Violation(
            f"a schema describes JSON, and '{key}' is in the {location}",
            f"Add `in: body`{more}, or give it a type.", ("params", key, "schema"),
        )  # fmt: skip
    elif (param.style not in (None, "comma") and location not in _IN_PAIRS) or (
        param.style is not None and location == "body"
    ):
        what = "an object" if is_deep else "a list"
        yield Violation(
            f"{what} in the {location} has a form of its own",
            "Leave `style` out: it is for a query and a form.",
            ("params", key, "style"), at_key=True,
        )  # fmt: skip


def _repeated_names(params: Params, locations: Mapping[str, Location]) -> Iterator[Violation]:
    """The params of one place that have one name on the wire."""
    seen: dict[tuple[Location, str], str] = {}
    deep = [
        (key, locations[key], f"{wire_name(key, param)}[")
        for key, param in params.items()
        if param.style == "deep_object" and key in locations
    ]
    for key, location in locations.items():
        param = params[key]
        if location == "path" or not param.knows("name"):
            continue
        wire = wire_name(key, param)
        folded = wire.lower() if location == "header" else wire
        other = seen.setdefault((location, folded), key)
        if other != key and location == "header":
            first = wire_name(other, params[other])
            yield _at_name(key, param, f"'{wire}' is the header '{first}' again")
        elif other != key:
            yield _at_name(
                key, param, f"'{other}' has the name '{wire}' in the {location} already",
                "Give one of them another `name`.",
            )  # fmt: skip
        for owner, place, start in deep:
            if place == location and wire.startswith(start):
                yield _at_name(
                    key, param, f"'{wire}' is a field of the object '{owner}'",
                    "Declare it in the object's schema, or give one of them another `name`.",
                )  # fmt: skip


def check_content_type(
    declared: Declaration, params: Params, locations: Mapping[str, Location]
) -> Iterator[Violation]:
    """What is wrong with `content_type`, a key of a composition or an operation."""
    if "content_type" not in declared.model_fields_set or not declared.knows("params"):
        return
    places = set(locations.values())
    if "form" in places:
        what = f"a form is always {FORM_TYPE}"
        yield Violation(what, "Leave `content_type` out.", ("content_type",), at_key=True)
    elif "body" not in places and locations.keys() == params.keys():
        yield Violation(
            "no param is in the body, so nothing has this type",
            "Leave it out, or declare a param with `in: body`.", ("content_type",), at_key=True,
        )  # fmt: skip
    elif declared.knows("content_type") and (found := _no_type_of_body(declared, params)):
        yield Violation(*found, ("content_type",))


def _no_type_of_body(declared: Any, params: Params) -> tuple[str, str] | None:
    """Why what is written as JSON or as a text can't have the declared type, if so."""
    media_type = (declared.content_type or "").partition(";")[0].strip().lower()
    if media_type.startswith("multipart/"):
        return "no param is a part of a multipart body", "Let a route pass such bodies."
    is_text = any(each.whole and each.type == "string" for each in params.values())
    if media_type == FORM_TYPE and not is_text:
        return "what is `in: body` is JSON, and no form", "Write `in: form` at the params."
    return None


def _divided_bodies(params: Params, locations: Mapping[str, Location]) -> Iterator[Violation]:
    """The params that can't stand in one body with another."""
    in_body = [(key, each) for key, each in locations.items() if each in ("body", "form")]
    whole = next((key for key, each in in_body if params[key].whole and each == "body"), None)
    for key, location in in_body:
        first, place = in_body[0]
        if whole is not None and key != whole:
            yield _at_key(
                key, f"'{key}' is in the {location}, and '{whole}' is the whole of it",
                f"Leave one of them out, or declare the field in the schema of '{whole}'.",
            )  # fmt: skip
        elif location != place:
            yield _at_key(
                key, f"'{key}' is in the {location}, and '{first}' in the {place}",
                "A request has one body: JSON by `in: body`, or a form by `in: form`.",
            )  # fmt: skip


def check_incoming_header(key: str, param: ParamDecl) -> Violation | None:
    """What is wrong with a header that a composition reads."""
    name = wire_name(key, param)
    if "_" not in name:
        return None
    # Servers differ in whether X_A is X-A, so the edge lets no such name in.
    return _at_name(
        key, param, f"no header with an underscore gets in, so '{name}' never comes",
        f"A header's param has the header's own name: {name.replace('_', '-')}.",
    )  # fmt: skip


def check_incoming_values(
    key: str, param: ParamDecl, location: Location | None
) -> Iterator[Violation]:
    """What is wrong with the values that a composition's param may have: those that never come."""
    if location in (None, "body"):
        return
    declared, path = (param, ()) if param.items is None else (param.items, ("items",))
    for index, each in enumerate(declared.enum or ()):
        if isinstance(each, str) and (why := _never_comes(param, location, each)):
            at = ("params", key, *path, "enum", index)
            yield Violation(f"{why}, so this value never comes", "Leave it out.", at)


def _never_comes(param: ParamDecl, location: Location | None, text: str) -> str | None:
    if not text:
        return "a text that is empty is refused"
    if location == "header" and (text != text.strip(" \t") or _CONTROL.search(text)):
        return "a header has no blanks at its ends, and no control characters"
    style = "comma" if location in ("path", "header") else param.style
    if param.type == "array" and style in _SEPARATORS:
        separator, called = _SEPARATORS[style]
        if separator in text:
            return f"{called} ends an element"
    return None


def check_outgoing_header(key: str, param: ParamDecl) -> Violation | None:
    """What is wrong with a header that an operation sends."""
    name = wire_name(key, param)
    if name.lower() not in _OWN_HEADERS:
        return None
    return _at_name(key, param, *_of_gateway(name))


def sent_header_violation(name: str) -> Violation | None:
    """Why no service may be sent a header of this name, if so."""
    if not TOKEN.fullmatch(name):
        return Violation(f"'{name}' is no name of a header", "Use letters, digits and dashes.")
    return Violation(*_of_gateway(name)) if name.lower() in _OWN_HEADERS | TRACE else None


def _of_gateway(name: str) -> tuple[str, str]:
    return f"the header '{name}' is the gateway's own to set", "Leave it out."


def _at_key(key: str, what: str, mend: str = "") -> Violation:
    return Violation(what, mend, ("params", key), at_key=True)


def _at_name(key: str, param: ParamDecl, what: str, mend: str = "") -> Violation:
    """A violation at the name on the wire: where `name` states it, or the param's own."""
    if param.name is None:
        return _at_key(key, what, mend)
    return Violation(what, mend, ("params", key, "name"))
