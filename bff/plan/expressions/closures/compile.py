"""Compiles an expression's tree to one Python function over plain JSON values.

All that can be decided from the tree is decided here, once: a request only calls. A function for
each node would cost a call for each node, and in a projection for each element: eighteen orders
with their items, reshaped, take 48 µs so, 26 by one function, and 25 by code written by hand.

A path of names is a closure, which takes 5 µs to make; a function that is written takes 80 to 200.

Rules:
1. No text of an expression becomes source. Names, literals, indexes and functions are constants of
   the function under numbers (its globals: with cells, Python takes a second to compile 2000).
2. What lies too deep is a function of its own that the source calls: Python takes no more than 20
   loops within each other. So is an `&expression`.
3. Such a function has `$` and the variables that it reads from around as further arguments.

What the functions return is held to the compliance cases of JMESPath Community and to a library of
it (`tests/property/test_closures_match_jmespath.py`).
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from bff.plan.expressions.closures import chains, growth
from bff.plan.expressions.closures.arguments import NUMBERS
from bff.plan.expressions.closures.chains import Evaluate
from bff.plan.expressions.closures.functions.table import FUNCTIONS
from bff.plan.expressions.closures.operators import OPERATORS, equal, kept, negated
from bff.plan.expressions.grammar.free_names import ROOT_SIGN, free_names
from bff.plan.expressions.grammar.nodes import Node

_DEEPEST: Final = 12  # levels of indentation
_FLAT: Final = frozenset(("index", "slice", "literal", "root", "variable", "flatten", "comparator"))


def compile_node(node: Node) -> Evaluate:
    """The function of a parsed expression: a JSON value in, a JSON value out.

    It raises `EvaluationError` and nothing else. It has no state, so threads may share it. Its
    result may share structure with the value and with literals: don't change it. Raises
    `ValueError` for a tree that type inference refuses: an unknown function, a wrong number of
    arguments, `&` where no function takes it.
    """
    match chains.links_of(node):
        case []:
            return lambda value: value
        case [tuple() as names]:
            return chains.fields(names)
        case _:
            return _Function(()).make(node)


class _Function:
    """One function while it is written: of `value`, which is `@`, and of what the names `around`
    stand for. Each method that writes a node returns the variable that holds the node's value."""

    def __init__(self, around: Sequence[str]) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._constants: dict[str, Any] = {"missing": (KeyError, TypeError), "numbers": NUMBERS}
        self._numbers = count()
        self._around = [self._variable() for _ in around]
        # what `$` and each variable of the expression are here
        self._names = {ROOT_SIGN: "value", **dict(zip(around, self._around, strict=True))}

    def make(self, node: Node) -> Callable[..., Any]:
        """The finished function of the node."""
        result = self._write(node, "value")
        body = "\n ".join([*self._lines, f"return {result}"])
        head = f"def evaluate({', '.join(['value', *self._around])}):"
        exec(f"{head}\n {body}", self._constants)  # noqa: S102  (rule 1)
        made: Callable[..., Any] = self._constants["evaluate"]
        return made

    def _write(self, node: Node, value: str) -> str:
        for link in growth.with_checks([(it, growth.copies(it)) for it in chains.links_of(node)]):
            value = self._link(link, value)
        return value

    def _link(self, link: chains.Link | Evaluate, value: str) -> str:
        if isinstance(link, tuple):
            return self._fields(link, value)
        if not isinstance(link, Node):
            return self._assigned(f"{self._constant(link)}({value})")
        if self._depth > _DEEPEST and link.kind not in _FLAT:
            return self._assigned(self._apart(link, value))
        match link.kind:
            case "index":
                return self._element_at(link.value, value)
            case "slice":
                part = self._constant(slice(*link.value))
                has_parts = f"isinstance({value}, (list, str))"
                return self._assigned(f"{value}[{part}] if {has_parts} else None")
            case "literal":
                return self._constant(link.value)
            case "root":
                return self._names[ROOT_SIGN]
            case "variable":
                return self._names[link.value]
            case "flatten":
                base = self._write(link.children[0], value)
                return self._assigned(f"{self._constant(chains.flattened)}({base})")
            case "projection" | "filter_projection" | "value_projection":
                return self._project(link, value)
            case "multi_select_list":
                parts = [self._write(child, value) for child in link.children]
                return self._assigned(f"[{', '.join(parts)}]")
            case "multi_select_dict":
                return self._assigned(self._pairs(link, value))
            case "unless_null":
                return self._unless_null(link.children[0], value)
            case "or_expression" | "and_expression":
                return self._decide(link, value)
            case "not_expression":
                return self._assigned(f"not {self._condition(link.children[0], value)}")
            case "comparator":
                return self._compare(link, value)
            case "arithmetic":
                left, right = (self._write(child, value) for child in link.children)
                return self._assigned(f"{self._constant(OPERATORS[link.value])}({left}, {right})")
            case "sign":
                sign = self._constant(negated if link.value == "-" else kept)
                return self._assigned(f"{sign}({self._write(link.children[0], value)})")
            case "ternary":
                return self._ternary(link, value)
            case "let_expression":
                return self._let(link, value)
            case "function_expression":
                return self._function(link, value)
            case "expref":
                raise ValueError("an expression with & is an argument of some functions alone")
            case kind:
                raise ValueError(f"{kind} is no node")

    # ------------------------------------------------------------------ going down

    def _fields(self, names: tuple[str, ...], value: str) -> str:
        found = self._variable()
        keys = "".join(f"[{self._constant(name)}]" for name in names)
        self._line(f"try: {found} = {value}{keys}")
        self._line(f"except missing: {found} = None")
        return found

    def _element_at(self, index: int, value: str) -> str:
        found, at = self._variable(), self._constant(index)
        self._line(f"try: {found} = {value}[{at}] if isinstance({value}, list) else None")
        self._line(f"except IndexError: {found} = None")
        return found

    def _project(self, node: Node, value: str) -> str:
        base, element, *conditions = node.children
        parts = self._write(base, value)
        kind, each_of = ("dict", ".values()") if node.kind == "value_projection" else ("list", "")
        projected, part = self._variable(), self._variable()
        may_be_text = base.kind == "index_expression" and base.children[-1].kind == "slice"
        if may_be_text:  # what follows a part of a text is applied to that part
            text = parts
            parts = self._assigned(f"[{text}] if isinstance({text}, str) else {text}")
        bound = self._constant(growth.running_bound)
        held = self._assigned(f"{bound}()") if growth.grows_in_each(element) else ""
        self._line(f"{projected} = None")
        self._begin(f"if isinstance({parts}, {kind}):")
        self._line(f"{projected} = []")
        self._begin(f"for {part} in {parts}{each_of}:")
        for condition in conditions:  # it sees nulls too, and may refuse them
            self._line(f"if not {self._condition(condition, part)}: continue")
        found = self._write(element, part)
        self._line(f"if {found} is not None: {projected}.append({held}({found}))")
        self._depth -= 2
        if may_be_text:
            self._begin(f"if isinstance({text}, str):")
            self._line(f"{projected} = {projected}[0] if {projected} else None")
            self._depth -= 1
        return projected

    # ------------------------------------------------------------------ building

    def _pairs(self, node: Node, value: str) -> str:
        pairs = [
            f"{self._constant(child.value)}: {self._write(child.children[0], value)}"
            for child in node.children
        ]
        return f"{{{', '.join(pairs)}}}"

    def _unless_null(self, node: Node, value: str) -> str:
        made = self._assigned("None")
        self._begin(f"if {value} is not None:")
        self._line(f"{made} = {self._write(node, value)}")
        self._depth -= 1
        return made

    def _let(self, node: Node, value: str) -> str:
        *bindings, body = node.children
        bound: dict[str, str] = {}
        for binding in bindings:
            found = self._write(binding.children[0], value)
            if growth.copies(binding.children[0]) > 1:  # or variables would grow without end
                found = self._assigned(f"{self._constant(growth.bounded)}({found})")
            bound[binding.value] = found
        around = self._names
        self._names = {**around, **bound}
        result = self._write(body, value)
        self._names = around
        return result

    # ------------------------------------------------------------------ deciding

    def _condition(self, node: Node, value: str) -> str:
        """Source whose value Python takes for true where JMESPath takes the node's for true: to it,
        false are null, false itself, and what is empty. Zero is true."""
        match node.kind:
            case "comparator" | "not_expression":  # true, false or null: the two agree
                return self._write(node, value)
            case "and_expression" | "or_expression" if self._depth <= _DEEPEST:
                first, *rest = node.children
                decided = self._assigned(self._condition(first, value))
                for child in rest:
                    stops = "not " if node.kind == "or_expression" else ""
                    self._begin(f"if {stops}{decided}:")
                    self._line(f"{decided} = {self._condition(child, value)}")
                    self._depth -= 1
                return decided
        return _is_true(self._write(node, value))

    def _decide(self, node: Node, value: str) -> str:
        first, *rest = node.children
        decided = self._assigned(self._write(first, value))
        for child in rest:
            stops = "not " if node.kind == "or_expression" else ""
            self._begin(f"if {stops}{_is_true(decided)}:")
            self._line(f"{decided} = {self._write(child, value)}")
            self._depth -= 1
        return decided

    def _ternary(self, node: Node, value: str) -> str:
        condition, then, otherwise = node.children
        decided = self._variable()
        self._begin(f"if {self._condition(condition, value)}:")
        self._line(f"{decided} = {self._write(then, value)}")
        self._depth -= 1
        self._begin("else:")
        self._line(f"{decided} = {self._write(otherwise, value)}")
        self._depth -= 1
        return decided

    def _compare(self, node: Node, value: str) -> str:
        one, other = (self._write(child, value) for child in node.children)
        if node.value not in ("==", "!="):
            sign = next(each for each in ("<", "<=", ">", ">=") if each == node.value)
            ordered = f"{self._constant(OPERATORS[sign])}({one}, {other})"
            are_numbers = f"type({one}) in numbers and type({other}) in numbers"
            return self._assigned(f"{one} {sign} {other} if {are_numbers} else {ordered}")
        literals = [each.value for each in node.children if each.kind == "literal"]
        if any(each is None or isinstance(each, bool) for each in literals):
            equals = f"{one} is {other}"
        elif any(isinstance(each, str) for each in literals):
            equals = f"{one} == {other}"
        else:
            equals = f"{self._constant(equal)}({one}, {other})"
        return self._assigned(equals if node.value == "==" else f"not {equals}")

    # ------------------------------------------------------------------ functions

    def _function(self, node: Node, value: str) -> str:
        function = FUNCTIONS.get(node.value)
        if function is None:
            raise ValueError(f"unknown function {node.value}()")
        if not function.accepts(len(node.children)):
            raise ValueError(f"{node.value}() can't take {len(node.children)} arguments")
        arguments: list[str] = []
        for index, child in enumerate(node.children):
            if index != function.expression_at:
                arguments.append(self._write(child, value))
            elif child.kind == "expref":
                arguments.append(self._reference(child.children[0]))
            else:
                raise ValueError(f"{node.value}() takes an expression (&…) as argument {index + 1}")
        return self._assigned(f"{self._constant(function.call)}({', '.join(arguments)})")

    def _reference(self, node: Node) -> str:
        """Source for an `&expression`: a function of an element."""
        if free_names(node):
            function = f"lambda element: {self._apart(node, 'element')}"
        else:
            function = self._constant(compile_node(node))
        bound = self._constant(growth.bounded_in_sum)
        return f"{bound}({function})" if growth.grows_in_each(node) else function

    def _apart(self, node: Node, value: str) -> str:
        """Source that calls a function of its own for the node (rules 2 and 3)."""
        names = sorted(free_names(node))
        function = _Function(names).make(node) if names else compile_node(node)
        values = ", ".join((value, *(self._names[name] for name in names)))
        return f"{self._constant(function)}({values})"

    # ------------------------------------------------------------------ source

    def _assigned(self, source: str) -> str:
        result = self._variable()
        self._line(f"{result} = {source}")
        return result

    def _constant(self, value: Any) -> str:
        name = f"c{next(self._numbers)}"
        self._constants[name] = value
        return name

    def _variable(self) -> str:
        return f"v{next(self._numbers)}"

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._depth + text)

    def _begin(self, text: str) -> None:
        self._line(text)
        self._depth += 1


def _is_true(variable: str) -> str:
    return f"({variable} or type({variable}) in numbers)"
