"""Computing with types: unions, nulls, whether one fits another, and their text.

Pure functions over `bff.plan.types.kinds`; nothing here knows expressions or schemas.
"""

import json
from collections.abc import Callable, Sequence

from bff.plan.types import kinds as t

_Pairs = frozenset[tuple[t.Type, t.Type]]
_ObjectText = Callable[[t.ObjectOf], str]


def union(*types: t.Type) -> t.Type:
    """One of `types`: flat, each once, a narrower member dropped where a wider one holds it.

    `Anything` absorbs everything; `integer` goes into `number`, a constant into its scalar, the
    empty list and the empty object into any that may be empty, a list of known parts into one of
    unknown. Of nothing it is `NOTHING`.
    """
    members: set[t.Type] = set()
    for each in types:
        members |= each.members if isinstance(each, t.Union) else {each}
    if t.ANYTHING in members:
        return t.ANYTHING
    if {t.Constant(True), t.Constant(False)} <= members:
        members.add(t.BOOLEAN)
    kept = frozenset(each for each in members if not _absorbed(each, members))
    return next(iter(kept)) if len(kept) == 1 else t.Union(kept)


def nullable(inferred: t.Type) -> t.Type:
    """The type, or null."""
    return union(inferred, t.NULL)


def without_null(inferred: t.Type) -> t.Type:
    """The type of those values that are not null; `NOTHING` when there are none."""
    return map_alternatives(inferred, lambda each: t.NOTHING if each == t.NULL else each)


def may_be_null(inferred: t.Type) -> bool:
    """Whether null is known to be among the values. `Anything` is gradual: false."""
    return t.NULL in alternatives(inferred)


def alternatives(inferred: t.Type) -> tuple[t.Type, ...]:
    """What a value may be, one by one: names resolved, unions taken apart, in a stable order."""
    match inferred:
        case t.Named():
            return alternatives(inferred.resolve())
        case t.Union(members):
            ordered = sorted(members, key=describe)
            return tuple(each for member in ordered for each in alternatives(member))
        case _:
            return (inferred,)


def resolved(inferred: t.Type) -> t.Type:
    """The type itself where it is given by name."""
    return inferred.resolve() if isinstance(inferred, t.Named) else inferred


def is_list(inferred: t.Type) -> bool:
    """Whether every value of this type is a list, or null."""
    each = alternatives(without_null(inferred))
    return bool(each) and all(isinstance(one, t.ListOf) for one in each)


def list_of_parts(parts: Sequence[t.Type]) -> t.ListOf:
    """A list of just these elements. Of lists among them the parts are forgotten: a type of types
    would double with each list within a list."""

    def without_parts(each: t.Type) -> t.Type:
        return t.ListOf(each.element) if isinstance(each, t.ListOf) else each

    flat = tuple(map_alternatives(part, without_parts) for part in parts)
    return t.ListOf(union(*flat), flat)


def has_more_parts(inferred: t.Type, most: int) -> bool:
    """Whether the type is made of more than `most` types, each counted wherever it stands."""
    left = [inferred]
    while left and most >= 0:
        most -= 1
        match left.pop():
            case t.ListOf(element, parts):
                left += [element, *parts]
            case t.ObjectOf(fields, extra):
                left += [each.type for _, each in fields]
                left += [] if extra is None else [extra]
            case t.Union(members):
                left += members
            case _:
                pass
    return most < 0


def map_alternatives(inferred: t.Type, change: Callable[[t.Type], t.Type]) -> t.Type:
    """The type with each alternative changed; a name stays when nothing below it changes."""
    match inferred:
        case t.Named():
            before = union(*alternatives(inferred))
            after = union(*map(change, alternatives(inferred)))
            return inferred if after == before else after
        case t.Union(members):
            return union(*(map_alternatives(each, change) for each in members))
        case _:
            return change(inferred)


def scalar_of(constant: t.Constant) -> t.Scalar:
    """The scalar that the constant is one of."""
    match constant.value:
        case bool():
            return t.BOOLEAN
        case int():
            return t.INTEGER
        case float():
            return t.NUMBER
        case str():
            return t.STRING


def type_of_value(value: object) -> t.Type:
    """The narrowest type of a JSON value."""
    match value:
        case None:
            return t.NULL
        case list():
            return t.ListOf(union(*map(type_of_value, value)))
        case dict():
            fields = ((str(key), t.Field(type_of_value(part))) for key, part in value.items())
            return t.ObjectOf(tuple(fields))
        case str() | int() | float():
            return t.Constant(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no JSON value")


def fits(source: t.Type, target: t.Type) -> bool:
    """Whether every value of `source` may stand where `target` is wanted.

    Gradual: `Anything` fits and is fitted. An object may have more fields than the target names,
    unless they break the target's `extra`.
    """
    return _fits(source, target, frozenset())


def disjoint(left: t.Type, right: t.Type) -> bool:
    """Whether it is sure that no value of `left` equals one of `right` (as JMESPath's `==`).

    Two objects, or two lists, are never reported as disjoint.
    """
    return not any(_meet(a, b) for a in alternatives(left) for b in alternatives(right))


def describe(inferred: t.Type) -> str:
    """The type as stable text: `{id: integer, name: string | null}`; recursive ones by name."""
    return _text(inferred, _whole_object)


def brief(inferred: t.Type) -> str:
    """The type as a few words for a message: objects by their name alone."""
    return _text(inferred, lambda each: each.name or "object")


def _absorbed(each: t.Type, members: set[t.Type]) -> bool:
    match each:
        case t.Constant():
            scalar = scalar_of(each)
            return scalar in members or (scalar == t.INTEGER and t.NUMBER in members)
        case t.Scalar("integer"):
            return t.NUMBER in members
        case t.ListOf(t.NOTHING):
            return any(
                isinstance(other, t.ListOf) and other != each and not other.parts
                for other in members
            )
        case t.ListOf(element, parts) if parts:
            return t.ListOf(element) in members
        case t.ObjectOf((), None):
            return any(
                isinstance(other, t.ObjectOf)
                and other != each
                and not any(field.required for _, field in other.fields)
                for other in members
            )
        case _:
            return False


def _fits(source: t.Type, target: t.Type, assumed: _Pairs) -> bool:
    if isinstance(source, t.Anything) or isinstance(target, t.Anything) or source == target:
        return True
    if isinstance(source, t.Named) or isinstance(target, t.Named):
        if (source, target) in assumed:
            return True
        assumed |= {(source, target)}
    wanted = alternatives(target)
    return all(
        any(_one_fits(each, other, assumed) for other in wanted) for each in alternatives(source)
    )


def _one_fits(source: t.Type, target: t.Type, assumed: _Pairs) -> bool:
    match source, target:
        case (t.Anything(), _) | (_, t.Anything()):
            return True
        case t.Constant(), t.Scalar():
            return _one_fits(scalar_of(source), target, assumed)
        case t.Scalar("integer"), t.Scalar("number"):
            return True
        case t.ListOf(element), t.ListOf(wanted):
            return _fits(element, wanted, assumed)
        case t.ObjectOf(), t.ObjectOf():
            return _object_fits(source, target, assumed)
        case _:
            return source == target


def _object_fits(source: t.ObjectOf, target: t.ObjectOf, assumed: _Pairs) -> bool:
    has = dict(source.fields)
    wanted = dict(target.fields)
    for name, field in wanted.items():
        found = has.get(name)
        if found is None:
            known_lack = source.extra is None or not isinstance(source.extra, t.Anything)
            if field.required and known_lack:
                return False
            if source.extra is not None and not _fits(source.extra, field.type, assumed):
                return False
        elif not _fits(found.type, field.type, assumed) or (field.required > found.required):
            return False
    if target.extra is None:
        return True
    rest = [field.type for name, field in has.items() if name not in wanted]
    if source.extra is not None:
        rest.append(source.extra)
    return all(_fits(each, target.extra, assumed) for each in rest)


def _meet(left: t.Type, right: t.Type) -> bool:
    match left, right:
        case (t.Anything(), _) | (_, t.Anything()):
            return True
        case t.Constant(mine), t.Constant(theirs):
            return isinstance(mine, bool) == isinstance(theirs, bool) and mine == theirs
        case (t.ListOf(), t.ListOf()) | (t.ObjectOf(), t.ObjectOf()):
            return True
        case _:
            return _kind(left) == _kind(right)


def _kind(inferred: t.Type) -> str:
    """The JSON kind of a type that `alternatives` gives."""
    match inferred:
        case t.Constant():
            return _kind(scalar_of(inferred))
        case t.Scalar("integer"):
            return "number"
        case t.Scalar(kind):
            return kind
        case t.ListOf():
            return "list"
        case _:
            return "object"


def _text(inferred: t.Type, of_object: _ObjectText) -> str:
    match inferred:
        case t.Anything():
            return "anything"
        case t.Scalar(kind):
            return kind
        case t.Constant(value):
            return json.dumps(value, ensure_ascii=False)
        case t.ListOf(element, ()):
            return f"list[{_text(element, of_object)}]"
        case t.ListOf(_, parts):
            return f"[{', '.join(_text(part, of_object) for part in parts)}]"
        case t.ObjectOf():
            return of_object(inferred)
        case t.Named(name):
            return name.rpartition(":")[2]
        case t.Union(members):
            texts = sorted(_text(each, of_object) for each in members if each != t.NULL)
            null = ["null"] if t.NULL in members else []
            return " | ".join(dict.fromkeys([*texts, *null])) or "nothing"


def _whole_object(inferred: t.ObjectOf) -> str:
    if not inferred.fields and inferred.extra is not None:
        return f"dict[string, {describe(inferred.extra)}]"
    parts = [
        f"{_key(name)}{'' if field.required else '?'}: {describe(field.type)}"
        for name, field in inferred.fields
    ]
    if inferred.extra is not None:
        parts.append(f"*: {describe(inferred.extra)}")
    return f"{{{', '.join(parts)}}}"


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name, ensure_ascii=False)
