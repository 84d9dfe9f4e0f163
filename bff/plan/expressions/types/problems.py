"""The problems of expressions: where each is, what is wrong, and how to mend it.

The sentences are here, apart from the rules that find the mistakes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bff.declarations.suggestions import known_names, nearest
from bff.plan.expressions.grammar.nodes import Node
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, fits, union, without_null

_SCALARS = union(t.NUMBER, t.BOOLEAN, t.STRING)
_LIST = t.ListOf(t.ANYTHING)
_OBJECT = t.ObjectOf(extra=t.ANYTHING)
_LITERALS = ("null", "true", "false")


@dataclass(frozen=True, slots=True)
class TypeProblem:
    """One mistake in an expression; `offset` counts characters from the expression's start."""

    offset: int
    what: str
    mend: str = ""


def unknown_name(node: Node, root: t.Type) -> TypeProblem:
    """A first name that the root lacks."""
    name = node.value
    owner = next((each.name for each in alternatives(root) if isinstance(each, t.ObjectOf)), None)
    what = f"{owner} has no field '{name}'" if owner else f"unknown name '{name}'"
    mend = known_names(name, field_names(root))
    if name in _LITERALS:
        mend = f"{_literal_mend(name)} {mend}"
    if name in ("env", "secret"):
        mend = f"The environment is read where a service is described, not here. {mend}"
    if name == t.HEADERS_NAME:
        mend = f"No operation that is called here declares `reply_headers`. {mend}"
    return TypeProblem(node.start, what, mend)


def perhaps_text(found: TypeProblem, node: Node) -> TypeProblem:
    """The problem of a name in double quotes, for which a text may have been meant."""
    if not _is_quoted(node):
        return found
    return TypeProblem(found.offset, found.what, f"{_text_mend(node)} {found.mend}".rstrip())


def _literal_mend(name: str) -> str:
    return f"The value is written in backticks: `{name}`."


def unreachable_root(node: Node) -> TypeProblem:
    """A name of the root where an expression sees an element alone, and would read null."""
    return TypeProblem(
        node.start,
        f"'{node.value}' is looked for in what stands here, which has no such field: within a "
        "projection, a filter, a pipe or a function's &expression, names are read from the element",
        f"From the root it is $.{node.value}.",
    )


def no_such_field(node: Node, current: t.Type) -> TypeProblem:
    """A field that no alternative of `current` has."""
    name = node.value
    bare = without_null(current)
    each = alternatives(bare)
    if any(isinstance(one, t.ObjectOf) for one in each):
        if any(isinstance(one, t.ObjectOf) and one.name == t.PARAMS_NAME for one in each):
            return TypeProblem(
                node.start, f"no param '{name}' is declared", _param_mend(name, bare)
            )
        if any(isinstance(one, t.ObjectOf) and one.name == t.HEADERS_NAME for one in each):
            what = f"'{name}' has no headers here"
            mend = "A step has them that makes one call, of an operation with `reply_headers`."
            return TypeProblem(node.start, what, f"{mend} {known_names(name, field_names(bare))}")
        owners = sorted({one.name for one in each if isinstance(one, t.ObjectOf) and one.name})
        what = f"{' or '.join(owners)} has no field '{name}'" if owners else f"no field '{name}'"
        mend = known_names(name, field_names(bare))
        if name in _LITERALS:
            mend = f"{_literal_mend(name)} {mend}"
        return TypeProblem(node.start, what, mend)
    mend = ""
    if any(isinstance(one, t.ListOf) for one in each):
        mend = f"[].{name} reads it from each element, [0].{name} from the first."
    return TypeProblem(
        node.start, f"'{name}' is read from {brief(bare)}, which has no fields", mend
    )


def no_list(node: Node, what: str, current: t.Type, wanted: str) -> TypeProblem:
    """An index, slice or projection over what is no list."""
    bare = without_null(current)
    objects = all(isinstance(each, t.ObjectOf) for each in alternatives(bare))
    mend = "`.*` goes over an object's values." if objects else ""
    if node.kind == "index":
        mend = (
            f"{mend} Behind `[*]`, `[]` or `[?…]`, `| {what}` reads from the list itself.".strip()
        )
    return TypeProblem(node.start, f"{what} wants {wanted}, and this is {brief(bare)}", mend)


def no_object(node: Node, current: t.Type) -> TypeProblem:
    """A `*` over what is no object."""
    bare = without_null(current)
    lists = all(isinstance(each, t.ListOf) for each in alternatives(bare))
    mend = "`[]` goes over a list's elements." if lists else ""
    return TypeProblem(node.start, f"`*` wants an object, and this is {brief(bare)}", mend)


def read_from_negation(negation: Node) -> TypeProblem:
    """`!a.b`."""
    return TypeProblem(
        negation.start,
        "`!a.b` is read as `(!a).b`, which is always null",
        "Put brackets around what is negated: !(a.b).",
    )


def vast_type(node: Node, most: int) -> TypeProblem:
    """What repeats so much that to check it would take for ever."""
    return TypeProblem(node.start, f"the type of this has over {most} parts", "Repeat less in it.")


def stray_reference(node: Node) -> TypeProblem:
    """An `&expression` where a value is wanted."""
    return TypeProblem(
        node.start,
        "an `&expression` stands for no value",
        "Only map and the functions whose names end in _by take one.",
    )


def never_equal(node: Node, left: t.Type, right: t.Type) -> TypeProblem:
    """A comparison whose result is always the same."""
    quoted = next((child for child in node.children if _is_quoted(child)), None)
    return TypeProblem(
        node.start,
        f"{brief(left)} never equals {brief(right)}",
        _mend_constant(left, right)
        or _mend_constant(right, left)
        or (_text_mend(quoted) if quoted is not None else _mend_kinds(left, right)),
    )


def unordered(node: Node, side: t.Type) -> TypeProblem:
    """An ordering of what has no order."""
    return TypeProblem(
        node.start, f"only numbers and strings are ordered, and this is {brief(side)}: always null"
    )


def mixed_order(node: Node, left: t.Type, right: t.Type) -> TypeProblem:
    """An ordering of a string and a number, which raises."""
    return TypeProblem(
        node.start,
        f"{brief(left)} and {brief(right)} can't be ordered",
        "Compare numbers with numbers (5, to_number(…)) and strings with strings ('5').",
    )


def wrong_argument(
    where: str, node: Node, found: t.Type, wanted: t.Type, words: str
) -> TypeProblem:
    """An argument that may be refused at run time; `where` names the function and the argument."""
    bare = without_null(found)
    if bare != found and fits(bare, wanted):
        if bare == t.NOTHING:
            return TypeProblem(node.start, f"{where} is always null, and {words} is wanted")
        return TypeProblem(
            node.start,
            f"{where} may be null, and {words} is wanted",
            f"Say what is taken instead: … || {_default_for(bare)}.",
        )
    whole = union(*(_whole_elements(each) for each in alternatives(bare)))
    if fits(whole, wanted):
        return TypeProblem(
            node.start,
            f"{where} is {brief(bare)}: an element may be null, and {words} is wanted",
            "`[]` after the list drops nulls.",
        )
    mend = _mend_argument(bare, wanted)
    return TypeProblem(node.start, f"{where} is {brief(bare)}, and {words} is wanted", mend)


def wrong_operand(
    where: str, node: Node, found: t.Type, added: Sequence[t.Type] = ()
) -> TypeProblem:
    """An operand of arithmetic that is no number, or may be none; `added` are both of a sum."""
    bare = without_null(found)
    if bare == t.NOTHING:
        return TypeProblem(node.start, f"{where} is always null, and a number is wanted")
    if bare != found and fits(bare, t.NUMBER):
        what = f"{where} may be null, and a number is wanted"
        return TypeProblem(node.start, what, "Say what is taken instead: (… || 0).")
    if added and all(fits(without_null(each), t.STRING) for each in added):
        mend = "Texts are put together with join('', [a, b])."
    else:
        mend = _mend_argument(bare, t.NUMBER)
    return TypeProblem(node.start, f"{where} is {brief(found)}, and a number is wanted", mend)


def wrong_key(function: str, node: Node, key: t.Type, wanted: Sequence[t.Type]) -> TypeProblem:
    """A key that elements can't be ordered or named by."""
    does = {"group_by": "groups", "index_by": "indexes"}.get(function, "orders")
    bare = without_null(key)
    if bare not in (key, t.NOTHING) and any(fits(bare, each) for each in wanted):
        return TypeProblem(
            node.start,
            f"what {function}() {does} by may be null",
            f"Give elements without it a place, &(… || {_default_for(bare)}), or leave them out "
            "with a filter before.",
        )
    by = "by a number or by a string" if does == "orders" else "by a string"
    mend = "to_string(…) makes a string of it." if fits(bare, t.NUMBER) else ""
    return TypeProblem(node.start, f"{function}() {does} {by}, and this is {brief(key)}", mend)


def no_pairs(where: str, node: Node, found: t.Type) -> TypeProblem:
    """Elements that are not known to be a name and a value."""
    return TypeProblem(
        node.start,
        f"{where} is {brief(found)}, and a list of pairs [string, value] is wanted",
        "items(…), zip(names, values) and list[].[name, value] give pairs.",
    )


def field_names(inferred: t.Type) -> list[str]:
    """The names of every field that some alternative has."""
    return [
        name
        for each in alternatives(inferred)
        if isinstance(each, t.ObjectOf)
        for name, _ in each.fields
    ]


def _param_mend(name: str, params: t.Type) -> str:
    known = field_names(params)
    declare = "Declare it under params."
    return declare if nearest(name, known) is None else known_names(name, known)


def _is_quoted(node: Node) -> bool:
    """Whether the node is a name in double quotes."""
    return node.kind == "field" and node.end - node.start > len(node.value)


def _text_mend(node: Node) -> str:
    return f"Double quotes make a name; single quotes make a text: '{node.value}'."


def _whole_elements(each: t.Type) -> t.Type:
    return t.ListOf(without_null(each.element)) if isinstance(each, t.ListOf) else each


def _default_for(bare: t.Type) -> str:
    match alternatives(bare)[0]:
        case t.ListOf():
            return "`[]`"
        case t.ObjectOf():
            return "`{}`"
        case t.Scalar("integer" | "number"):
            return "0"
        case t.Constant(value) if not isinstance(value, str):
            return "0"
        case _:
            return "''"


def _mend_argument(bare: t.Type, wanted: t.Type) -> str:
    if wanted == t.INTEGER and fits(bare, t.NUMBER):
        return "round(…), floor(…) and ceil(…) make a whole number of it."
    whole = union(*(_whole_elements(each) for each in alternatives(bare)))
    if fits(bare, _SCALARS) and fits(t.STRING, wanted):
        return "to_string(…) makes a string of it."
    if fits(whole, t.ListOf(_SCALARS)) and fits(t.ListOf(t.STRING), wanted):
        return "map(&to_string(@), …) makes strings of its elements."
    if fits(bare, t.STRING) and fits(t.NUMBER, wanted):
        return "(to_number(…) || 0) reads a number from it."
    if fits(whole, t.ListOf(t.STRING)) and fits(t.ListOf(t.NUMBER), wanted):
        return "map(&(to_number(@) || 0), …) reads numbers from its elements."
    if fits(whole, t.ListOf(_OBJECT)):
        return "[].name reads one field of each element." if wanted != _OBJECT else ""
    if fits(bare, _OBJECT) and fits(_LIST, wanted):
        return "values(…) gives an object's values as a list."
    return ""


def _mend_constant(constant: t.Type, other: t.Type) -> str:
    if not isinstance(constant, t.Constant):
        return ""
    kinds = alternatives(without_null(other))
    if isinstance(constant.value, str):
        names = [each.value for each in kinds if isinstance(each, t.Constant)]
        if all(isinstance(name, str) for name in names) and len(names) == len(kinds):
            return known_names(constant.value, [str(name) for name in names])
        if fits(without_null(other), t.NUMBER):
            return "A number is written without quotes: 5."
    elif not isinstance(constant.value, bool) and fits(without_null(other), t.STRING):
        return "A string is written in single quotes: '5'."
    return ""


def _mend_kinds(left: t.Type, right: t.Type) -> str:
    sides = [without_null(left), without_null(right)]
    has_text = any(fits(each, t.STRING) and not fits(each, t.NUMBER) for each in sides)
    has_number = any(fits(each, t.NUMBER) and not fits(each, t.STRING) for each in sides)
    return "Make a text of the number: to_string(…)." if has_text and has_number else ""
