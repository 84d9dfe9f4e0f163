"""Hypothesis strategies for expressions over a type."""

from hypothesis import strategies as st

from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.types.functions import SIGNATURES
from bff.plan.expressions.types.inference import infer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives
from tests.support.generated.typed_values import NAMES


@st.composite
def sound_expressions(draw: st.DrawFn, root: t.Type, depth: int = 3) -> str:
    """An expression in which inference over `root` finds no problem: grown step by step, where
    each step is kept only if it is found sound."""
    literal = draw(st.sampled_from(["`[]`", "`{}`", "'a'", "`1`", "`null`", "`[1, 2]`"]))
    condition = draw(conditions(root, 1))
    source = draw(st.sampled_from([*_names(root), "@", literal, condition, condition]))
    for _ in range(draw(st.integers(0, depth + 1))):
        inferred = type_over(source, root)
        assert inferred is not None
        grown = draw(_grown(source, inferred, root, depth))
        source = _if_sound(grown, root) or source
    return source


@st.composite
def conditions(draw: st.DrawFn, over: t.Type, depth: int = 2) -> str:
    """A condition in which inference over the type finds no problem."""
    names = _names(over) or list(NAMES)
    path = ".".join(draw(st.lists(st.sampled_from([*names, *NAMES]), min_size=1, max_size=2)))
    path = draw(st.sampled_from([path, draw(st.sampled_from(names)), "@", f"$.{path}"]))
    literal = draw(st.sampled_from(["`1`", "`0.5`", "'a'", "'card'", "`null`", "`true`", "`[]`"]))
    operator = draw(st.sampled_from(["==", "==", "!=", "<", ">="]))
    ways = [path, f"{path} {operator} {literal}", f"{literal} {operator} {path}", f"!({path})"]
    if depth:
        left, right = draw(conditions(over, depth - 1)), draw(conditions(over, depth - 1))
        ways += [f"({left} && {right})", f"({left} || {right})", f"!({left})"]
    return _if_sound(draw(st.sampled_from(ways)), over) or "@"


def type_over(source: str, root: t.Type) -> t.Type | None:
    """The type of the expression, None when it has problems."""
    inferred, problems = infer(parse_expression(source), root)
    return None if problems else inferred


def _if_sound(source: str, root: t.Type) -> str | None:
    return None if type_over(source, root) is None else source


def _names(inferred: t.Type) -> list[str]:
    return sorted(
        {
            name
            for each in alternatives(inferred)
            if isinstance(each, t.ObjectOf)
            for name, _ in each.fields
        }
    )


@st.composite
def _grown(draw: st.DrawFn, source: str, inferred: t.Type, root: t.Type, depth: int) -> str:
    element = next(
        (each.element for each in alternatives(inferred) if isinstance(each, t.ListOf)), None
    )
    field = draw(st.sampled_from(_names(inferred) or NAMES))
    below = st.just("@") if depth == 0 else sound_expressions(inferred, depth - 1)
    beside = st.just("@") if depth == 0 else sound_expressions(root, depth - 1)
    inside = (
        st.just("@") if depth == 0 or element is None else sound_expressions(element, depth - 1)
    )
    operator = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    default = draw(st.sampled_from(["`[]`", "''", "`0`", "`{}`", "`false`"]))
    ways = [
        lambda: f"{source}.{field}",
        lambda: f"{source}.*",
        lambda: f"{source}.{{a: {draw(below)}, b: {draw(below)}}}",
        lambda: f"{source}.[{draw(below)}]",
        lambda: f"{source} | {draw(below)}",
        lambda: f"({source} || {default})",
        lambda: f"({source} || {draw(beside)})",
        lambda: f"({source} && {draw(beside)})",
        lambda: f"({source} {operator} {draw(beside)}) && {draw(beside)}",
        lambda: f"!({source})",
        lambda: f"({source} {operator} {draw(beside)})",
        lambda: f"({source} {operator} {draw(st.sampled_from(['`1`', _quoted('a'), '`null`']))})",
        lambda: f"[{source}, {draw(beside)}]",
        lambda: f"[{source}, {draw(beside)}][{draw(st.integers(-3, 2))}]",
        lambda: f"({source} ? {draw(beside)} : {draw(beside)})",
        lambda: f"({draw(conditions(root, 1))} ? {source} : {draw(beside)})",
        lambda: f"({source} {draw(_ARITHMETIC)} {draw(st.sampled_from(['2', '0.5', '-3']))})",
        lambda: f"(({source} || 0) {draw(_ARITHMETIC)} ({draw(beside)} || 1))",
        lambda: f"-{source}",
        lambda: f"(let $x = {source} in {draw(beside)} && [$x, $x, $])",
        lambda: f"(let $x = {source} in $x && $x.{field})",
        lambda: f"{source}[1:]",
        lambda: f"{source}.to_string(@)",
        lambda: f"not_null({source}, {draw(beside)})",
        lambda: f"merge({source}, {draw(beside)})",
        lambda: f"contains({source}, {draw(beside)})",
        lambda: f"join(', ', {source})",
        lambda: f"{draw(st.sampled_from(_taking(source, root)))}({source})",
    ]
    if element is not None:
        ways = [
            *ways[-6:],
            lambda: f"{source}[{draw(st.integers(-2, 2))}]",
            lambda: f"{source}[{draw(st.sampled_from(['1:', ':2', '::-1', '::2']))}]",
            lambda: f"{source}[]",
            lambda: f"{source}[].{draw(st.sampled_from(_names(element) or NAMES))}",
            lambda: f"{source}[*].{{a: {draw(inside)}}}",
            lambda: f"{source}[?{draw(inside)}]",
            lambda: f"{source}[*].[$, {draw(inside)}]",
            lambda: f"let $x = {draw(beside)} in {source}[?{draw(inside)} == $x].{{x: $x, y: @}}",
            lambda: f"from_items({source}[*].['a', {draw(inside)}])",
            lambda: f"index_by({source}, &to_string({draw(inside)}))",
            lambda: f"{source}[?{draw(conditions(element))}].{draw(st.sampled_from(NAMES))}",
            lambda: f"{source}[?{draw(conditions(element))}]",
            lambda: f"{source}[?{draw(inside)} && {draw(inside)}].{draw(st.sampled_from(NAMES))}",
            lambda: f"map(&{draw(inside)}, {source})",
            lambda: f"{draw(st.sampled_from(_BY))}({source}, &{draw(inside)})",
        ]
    return draw(st.sampled_from(ways))()


_BY = ("sort_by", "min_by", "max_by", "group_by", "index_by")
_ONE_ARGUMENT = [
    name
    for name, signature in SIGNATURES.items()
    if signature.accepts(1) and signature.takes[0] is not None
]
_ARITHMETIC = st.sampled_from(["+", "-", "*", "/", "//", "%"])


def hangs_on_values(error: Exception) -> bool:
    """Whether it is an error that no type can foretell."""
    foretold = ("division by zero", "too big for a number", "must be 0 or more", "one character")
    return any(each in str(error) for each in foretold)


def _taking(source: str, root: t.Type) -> list[str]:
    """The functions that take the expression as their only argument."""
    return [name for name in _ONE_ARGUMENT if _if_sound(f"{name}({source})", root)]


def _quoted(text: str) -> str:
    return f"'{text}'"
