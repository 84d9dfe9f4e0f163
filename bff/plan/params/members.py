"""Objects in a query or a form, field by field: `filter[state]=open&filter[price][least]=5`.

A text has no type of its own, so the type that the param's schema takes decides how each is read.
Lists repeat their name. Objects may stand in objects, and hold no lists of objects.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bff.plan.model.service import Check
from bff.plan.params.checks import each_element
from bff.plan.params.texts import READERS
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, without_null

ParseMembers = Callable[[Mapping[str, list[str]]], Any]
_Tree = dict[str, Any]  # texts by field, or trees
_Read = Callable[[list[str] | _Tree], Any]

_NAMES = re.compile(r"(?:\[[^\[\]]+\])+").fullmatch
_MOST_DEPTH = 20  # names, one within another
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number"}


class UntellableMember(ValueError):
    """A field whose texts can't be told apart by type."""


def members_parser(taken: t.Type, check: Check) -> ParseMembers:
    """The parser of an object of the type `taken`. Raises `UntellableMember`."""
    read = _reader(taken, (), ())

    def parse(members: Mapping[str, list[str]]) -> Any:
        return check(read(_tree(members)))

    return parse


def unsendable_members(sent: t.Type, path: tuple[str, ...] = (), depth: int = 0) -> str | None:
    """What of an object's type has no form in a query, in words, or None."""
    for each in alternatives(without_null(sent)) if depth < _MOST_DEPTH else ():
        match each:
            case t.ObjectOf(fields, extra):
                for name, field in fields:
                    if what := unsendable_members(field.type, (*path, name), depth + 1):
                        return what
                if extra is not None and (
                    what := unsendable_members(extra, (*path, "*"), depth + 1)
                ):
                    return what
            case t.Anything():
                continue
            case _ if not path:
                return f"{brief(each)} is no object with fields"
            case t.ListOf(element) if not all(map(_is_scalar, alternatives(without_null(element)))):
                return f"its field {'.'.join(path)} is {brief(each)}, which has no form here"
    return None


def _tree(members: Mapping[str, list[str]]) -> _Tree:
    """The texts by field: `[a][b]` → `{"a": {"b": [...]}}`. Raises `ValueError`."""
    root: _Tree = {}
    for behind, texts in members.items():
        if not _NAMES(behind):
            raise ValueError("must have the name of one field in each pair of brackets")
        names = behind[1:-1].split("][")
        if len(names) > _MOST_DEPTH:
            raise ValueError("is nested too deep")
        node = root
        for name in names[:-1]:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise ValueError("has a field that is both a text and an object")
        if isinstance(node.setdefault(names[-1], texts), dict):
            raise ValueError("has a field that is both a text and an object")
    return root


def _reader(taken: t.Type, path: tuple[str, ...], within: tuple[str, ...]) -> _Read:
    """The function that reads what stands at `path`; `within` are the named types around it."""
    if isinstance(taken, t.Named) and taken.name in within:
        raise UntellableMember(f"{taken.name} holds itself, and a query ends")
    within = (*within, taken.name) if isinstance(taken, t.Named) else within
    members = alternatives(without_null(taken))
    kinds = {_kind(each) for each in members}
    match members:
        case (t.ObjectOf() as found,):
            return _object_reader(found, path, within)
        case (t.Anything(),):
            return _any_texts
        case _ if not path:
            raise UntellableMember(f"{brief(taken)} is no object with fields")
        case (t.ListOf(element),) if len({_kind(e) for e in alternatives(element)}) == 1:
            kind = _kind(next(iter(alternatives(element))))
            if kind is not None:
                return _list_reader(READERS[kind])
        case _ if len(kinds) == 1 and None not in kinds:
            return _text_reader(READERS[kinds.pop() or ""])
    raise UntellableMember(
        f"its field {'.'.join(path)} is {brief(taken)}, which a text can't tell apart"
    )


def _object_reader(found: t.ObjectOf, path: tuple[str, ...], within: tuple[str, ...]) -> _Read:
    fields = {name: _reader(field.type, (*path, name), within) for name, field in found.fields}
    extra = _any_texts if found.extra is None else _reader(found.extra, (*path, "*"), within)

    def read(node: list[str] | _Tree) -> Any:
        if not isinstance(node, dict):
            raise ValueError("has fields of its own")
        value: dict[str, Any] = {}
        for name, below in node.items():
            try:
                value[name] = fields.get(name, extra)(below)
            except ValueError as error:
                called = f"a field, {name}," if name in fields else "a field"
                raise ValueError(f"has {called} that {error}") from None
        return value

    return read


def _text_reader(read_text: Callable[[str], object]) -> _Read:
    def read(node: list[str] | _Tree) -> Any:
        if not isinstance(node, list) or len(node) != 1:
            raise ValueError("must come once, as a text")
        return read_text(node[0])

    return read


def _list_reader(read_text: Callable[[str], object]) -> _Read:
    def read(node: list[str] | _Tree) -> Any:
        if not isinstance(node, list):
            raise ValueError("must be a list of texts")
        return each_element(read_text, node)

    return read


def _any_texts(node: list[str] | _Tree) -> Any:
    """What nothing is known of: a text, several, or an object of those."""
    if isinstance(node, list):
        return node[0] if len(node) == 1 else node
    return {name: _any_texts(below) for name, below in node.items()}


def _kind(member: t.Type) -> str | None:
    """The name of a scalar's type; None for what is no scalar."""
    match member:
        case t.Constant(value):
            return _KINDS[type(value)]
        case t.Scalar(kind) if kind != "null":
            return kind
        case _:
            return None


def _is_scalar(member: t.Type) -> bool:
    return _kind(member) is not None or isinstance(member, t.Anything)
