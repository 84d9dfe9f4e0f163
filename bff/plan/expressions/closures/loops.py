"""Projections, each written as one Python function with all that it does for an element.

A closure for each node costs a call for each element. Eighteen orders with their items, reshaped,
take 48 µs by closures, 26 by this, and 25 by code written out by hand.

Rules:
1. No text of an expression becomes source. Names, literals and indexes are constants of the
   function under numbers (its globals: with cells, Python takes a second to compile 2000).
2. What is not written here is a closure that the source calls. So is what lies too deep: Python
   takes no more than 20 loops within each other.
3. What is written gives what closures would give, and raises what they would raise.
"""

from collections.abc import Callable
from itertools import count
from typing import Any, Final

from bff.plan.expressions.closures import chains
from bff.plan.expressions.closures.chains import Evaluate
from bff.plan.expressions.closures.growth import copies, with_checks
from bff.plan.expressions.grammar.parsing import Node

_DEEPEST: Final = 12  # levels of indentation

_Compile = Callable[[Node], Evaluate]


def write_projection(node: Node, compile_node: _Compile, compile_condition: _Compile) -> Evaluate:
    """The closure of a projection: on a list, filtered or not, or on an object's values. The two
    functions compile what it calls; a condition's result is true as Python has it."""
    return _Function(compile_node, compile_condition).make(node)


class _Function:
    """One function while it is written. Each method that writes a node returns the variable that
    holds the node's value."""

    def __init__(self, compile_node: _Compile, compile_condition: _Compile) -> None:
        self._compile_node = compile_node
        self._compile_condition = compile_condition
        self._lines: list[str] = []
        self._depth = 0
        self._constants: dict[str, Any] = {"missing": (KeyError, TypeError)}
        self._numbers = count()

    def make(self, node: Node) -> Evaluate:
        """The finished function of a projection."""
        result = self._project(node, "value")
        body = "\n ".join([*self._lines, f"return {result}"])
        exec(f"def project(value):\n {body}", self._constants)  # noqa: S102  (rule 1)
        project: Evaluate = self._constants["project"]
        return project

    def _write(self, node: Node, value: str) -> str:
        for link in with_checks([(link, copies(link)) for link in chains.links_of(node)]):
            value = self._link(link, value)
        return value

    def _link(self, link: chains.Link | Evaluate, value: str) -> str:
        match link:
            case tuple():
                return self._fields(link, value)
            case Node(kind="index"):
                return self._element_at(link.value, value)
            case Node(kind="literal"):
                return self._constant(link.value)
            case Node(kind="flatten"):
                return self._call(chains.flattened, self._write(link.children[0], value))
            case Node() if self._depth > _DEEPEST:
                return self._call(self._compile_node(link), value)
            case Node(kind="multi_select_dict" | "multi_select_list"):
                return self._select(link, value)
            case Node(kind="projection" | "filter_projection" | "value_projection"):
                return self._project(link, value)
            case Node():
                return self._call(self._compile_node(link), value)
            case _:
                return self._call(link, value)

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

    def _select(self, node: Node, value: str) -> str:
        selected = self._variable()
        self._line(f"{selected} = None")
        self._begin(f"if {value} is not None:")
        if node.kind == "multi_select_list":
            parts = [self._write(child, value) for child in node.children]
            self._line(f"{selected} = [{', '.join(parts)}]")
        else:
            pairs = [
                f"{self._constant(child.value)}: {self._write(child.children[0], value)}"
                for child in node.children
            ]
            self._line(f"{selected} = {{{', '.join(pairs)}}}")
        self._depth -= 1
        return selected

    def _project(self, node: Node, value: str) -> str:
        base, element, *conditions = node.children
        parts = self._write(base, value)
        kind, each_of = ("dict", ".values()") if node.kind == "value_projection" else ("list", "")
        projected, part = self._variable(), self._variable()
        self._line(f"{projected} = None")
        self._begin(f"if isinstance({parts}, {kind}):")
        self._line(f"{projected} = []")
        self._begin(f"for {part} in {parts}{each_of}:")
        for condition in conditions:  # it sees nulls too, and may refuse them
            self._line(
                f"if not {self._constant(self._compile_condition(condition))}({part}): continue"
            )
        found = self._write(element, part)
        self._line(f"if {found} is not None: {projected}.append({found})")
        self._depth -= 2
        return projected

    def _call(self, function: Evaluate, value: str) -> str:
        result = self._variable()
        self._line(f"{result} = {self._constant(function)}({value})")
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
