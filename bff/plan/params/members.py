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
_Path = tuple[str, ...]
_Tree = dict[str, Any]  # texts by field, or trees
_Read = Callable[[list[str] | _Tree], Any]

_NAMES = re.compile(r"(?:\[[^\[\]]+\])+").fullmatch
_MOST_DEPTH = 20  # names, one within another
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number"}


class UntellableMember(ValueError):
    """A field whose type its text does not show."""


def members_parser(taken: t.Type, check: Check) -> ParseMembers:
    """The parser of an object of the type `taken`. Raises `UntellableMember`."""
    read = _reader(taken, (), frozenset())

    def parse(members: Mapping[str, list[str]]) -> Any:
        return check(read(_tree(members)))

    return parse


def unsendable_members(
    sent: t.Type, path: _Path = (), within: frozenset[str] = frozenset()
) -> str | None:
    """What of an object's type has no form in a query, in words, or None."""
    names = _names(sent)
    if names & within:
        return f"its field {'.'.join(path)} may hold itself without an end"
    for each in alternatives(without_null(sent)):
        match each:
            case t.ObjectOf(fields, extra):
                below = [(name, field.type) for name, field in fields]
                for name, inner in [*below, *([("*", extra)] if extra is not None else [])]:
                    if not name or "[" in name or "]" in name:
                        return (
                            f"its field '{name}' is empty or holds a bracket, and has no form here"
                        )
                    if what := unsendable_members(inner, (*path, name), within | names):
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


def _names(inferred: t.Type) -> frozenset[str]:
    """The names of the types that it may be: only those hold themselves."""
    match inferred:
        case t.Named(name):
            return frozenset((name,))
        case t.Union(members):
            return frozenset().union(*map(_names, members))
        case _:
            return frozenset()


def _reader(taken: t.Type, path: _Path, within: frozenset[str]) -> _Read:
    """The function that reads what stands at `path`; `within` are the named types around it."""
    names = _names(taken)
    if names & within:
        raise UntellableMember(f"its field {'.'.join(path)} may hold itself without an end")
    within |= names
    members = alternatives(without_null(taken))
    match members:
        case (t.ObjectOf() as found,):
            return _object_reader(found, path, within)
        case (t.Anything(),):
            return _any_texts
        case _ if not path:
            raise UntellableMember(f"{brief(taken)} is no object with fields")
        case (t.ListOf(element),) if kind := _one_kind(element):
            return _list_reader(READERS[kind])
        case _ if kind := _one_kind(taken):
            return _text_reader(READERS[kind])
    raise UntellableMember(
        f"its field {'.'.join(path)} is {brief(taken)}, which a text can't tell apart"
    )


def _object_reader(found: t.ObjectOf, path: _Path, within: frozenset[str]) -> _Read:
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


def _one_kind(inferred: t.Type) -> str | None:
    """The kind of all scalars that it may be; None where it may be of two, or is no scalar."""
    kinds = {_kind(each) for each in alternatives(without_null(inferred))}
    return kinds.pop() if len(kinds) == 1 else None


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
