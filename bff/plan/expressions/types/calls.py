"""Checks one function call: its name, how many arguments, and each argument's type."""

from collections.abc import Callable

from bff.declarations.suggestions import known_names
from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.function_results import element_of
from bff.plan.expressions.types.functions import SIGNATURES, WORDS, Signature
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, disjoint, fits

_Report = Callable[[TypeProblem], t.Type]
_InferHere = Callable[[Node], t.Type]
_InferOver = Callable[[Node, t.Type], t.Type]

_ORDINALS = {0: "1st", 1: "2nd", 2: "3rd"}


def infer_call(node: Node, here: _InferHere, over: _InferOver, report: _Report) -> t.Type:
    """The type of the call's value.

    `here` infers an argument, `over` the value of an `&expression` over an element.
    """
    name = node.value
    signature = SIGNATURES.get(name)
    if signature is None or not signature.accepts(len(node.children)):
        for argument in node.children:
            expression = argument.kind == "expref"
            over(argument.children[0], t.ANYTHING) if expression else here(argument)
        if signature is None:
            known = known_names(name, SIGNATURES)
            return report(TypeProblem(node.start, f"unknown function '{name}'", known))
        count = len(node.children)
        return report(TypeProblem(node.start, f"{name}() takes {signature.arity}, not {count}"))
    return _Call(node, signature, here, over, report).infer()


class _Call:
    def __init__(
        self,
        node: Node,
        signature: Signature,
        here: _InferHere,
        over: _InferOver,
        report: _Report,
    ) -> None:
        self.node = node
        self.name = str(node.value)
        self.here = here
        self.over = over
        self.report = report
        count, last = len(node.children), signature.takes[-1]
        self.signature = signature
        self.takes = (*signature.takes, *[last] * (count - len(signature.takes)))[:count]
        self.broken = False

    def infer(self) -> t.Type:
        children = self.node.children
        types: list[t.Type] = [
            t.ANYTHING if wanted is None else self._value(index, children[index], wanted)
            for index, wanted in enumerate(self.takes)
        ]
        for index, wanted in enumerate(self.takes):
            if wanted is None:
                types[index] = self._reference(children[index], types[1 - index])
        if not self.broken:
            self._check_values(types)
        return t.ANYTHING if self.broken else self.signature.gives(types)

    def _value(self, index: int, argument: Node, wanted: t.Type) -> t.Type:
        found = self.here(argument)  # it reports an &expression itself
        self._check(index, argument, found, wanted)
        return found

    def _check(self, index: int, argument: Node, found: t.Type, wanted: t.Type) -> None:
        if fits(found, wanted):
            return
        ordinal = f"{_ORDINALS.get(index, f'{index + 1}th')} " if len(self.takes) > 1 else ""
        where = f"the {ordinal}argument of {self.name}()"
        self._refuse(problem.wrong_argument(where, argument, found, wanted, WORDS[wanted]))

    def _reference(self, argument: Node, over: t.Type) -> t.Type:
        """The type of an `&expression` over an element; for all but map, a key to order by."""
        if argument.kind != "expref":
            self.over(argument, t.ANYTHING)  # what it would read depends on what was meant
            self._refuse(
                TypeProblem(
                    argument.start,
                    f"{self.name}() wants an expression here",
                    "Put & before what is read from each element: &name.",
                )
            )
            return t.ANYTHING
        element = t.ANYTHING if self.broken else element_of(over)
        made = self.over(argument.children[0], element)
        keys = self.signature.keys
        if keys and not any(fits(made, each) for each in keys):
            self._refuse(problem.wrong_key(self.name, argument, made, keys))
        return made

    def _check_values(self, types: list[t.Type]) -> None:
        """Check what hangs on several arguments, or on a constant."""
        match self.name:
            case "contains":
                self._check_contains(types[0], types[1])
            case "from_items":
                self._check_pairs(types[0])
            case "pad_left" | "pad_right" | "replace" | "split":
                for argument, found in zip(self.node.children, types, strict=True):
                    self._check_constant(argument, found)

    def _check_pairs(self, pairs: t.Type) -> None:
        for each in alternatives(element_of(pairs)):
            name = each.parts[0] if isinstance(each, t.ListOf) and len(each.parts) == 2 else t.NULL
            if each != t.ANYTHING and not fits(name, t.STRING):
                where = "the argument of from_items()"
                self._refuse(problem.no_pairs(where, self.node.children[0], pairs))
                return

    def _check_constant(self, argument: Node, found: t.Type) -> None:
        match found:
            case t.Constant(int(number)) if number < 0:
                what = f"{self.name}() takes no number below 0"
            case t.Constant(str(text)) if (
                self.name.startswith("pad_")
                and argument is self.node.children[-1]
                and len(self.node.children) == 3
                and len(text) != 1
            ):
                what = f"{self.name}() fills with one character"
            case _:
                return
        self._refuse(TypeProblem(argument.start, what))

    def _check_contains(self, subject: t.Type, search: t.Type) -> None:
        if not disjoint(subject, t.STRING) and subject != t.ANYTHING:
            self._check(1, self.node.children[1], search, t.STRING)
        lists = [each for each in alternatives(subject) if isinstance(each, t.ListOf)]
        element = element_of(subject)
        never = len(lists) == len(alternatives(subject)) and disjoint(element, search)
        if never and element != t.NOTHING and search not in (t.NULL, t.NOTHING):
            self._refuse(problem.never_equal(self.node.children[1], element, search))

    def _refuse(self, found: TypeProblem) -> None:
        self.broken = True
        self.report(found)
