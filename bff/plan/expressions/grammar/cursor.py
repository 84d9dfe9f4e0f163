"""A place among an expression's tokens: what stands there, and going on from it."""

from collections.abc import Callable, Sequence
from typing import Any

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.grammar.syntax_errors import unexpected
from bff.plan.expressions.grammar.tokens import ExpressionSyntaxError, Token


class Cursor:
    """The tokens of one expression; `at` is the index of the current one."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def kind(self) -> str:
        """The kind of the current token."""
        return self.tokens[self.at].kind

    def unexpected(self) -> ExpressionSyntaxError:
        """The error of the current token, which can't stand here."""
        return unexpected(self.tokens, self.at)

    def take(self, kind: str) -> None:
        """Go on after a token that must be of this kind."""
        if self.kind != kind:
            raise self.unexpected()
        self.at += 1

    def bounds(self) -> list[int | None]:
        """`1]` or `1:2]` or `1:2:3]`, as far as it is written."""
        bounds: list[int | None] = [None]
        while self.kind != "]":
            token = self.tokens[self.at]
            if token.kind == ":" and len(bounds) < 3:
                bounds.append(None)
            elif bounds[-1] is None and self.is_number(self.at):
                negative = token.kind == "-"
                self.at += negative
                bounds[-1] = self.tokens[self.at].value * (-1 if negative else 1)
            else:
                raise self.unexpected()
            self.at += 1
        self.at += 1
        return bounds

    def is_number(self, at: int) -> bool:
        """Whether a whole number stands there, with a minus right before it or without."""
        token = self.tokens[at]
        if token.kind == "-":
            following = self.tokens[at + 1]
            return following.start == token.end and self.is_number(at + 1)
        return token.kind == "number" and isinstance(token.value, int)

    def is_index(self, at: int) -> bool:
        """Whether an index or a slice begins there."""
        return self.tokens[at].kind == ":" or self.is_number(at)

    def is_star(self, at: int) -> bool:
        """Whether `*]` stands there."""
        return self.tokens[at].kind == "*" and self.tokens[at + 1].kind == "]"

    def nothing_before(self) -> Node:
        """What stands for `@` before the current token, where nothing is written."""
        start = self.tokens[self.at].start
        return Node("identity", None, (), start, start)

    def node(self, kind: str, first: int, value: Any = None, *children: Node) -> Node:
        """A node of the tokens from `first` to before the current one."""
        start, end = self.tokens[first].start, self.tokens[self.at - 1].end
        return Node(kind, value, children, start, end)

    def listed(self, closing: str, part: Callable[[], Node]) -> list[Node]:
        """The parts between the current token and the closing one, with commas between them."""
        self.at += 1
        if closing == ")" and self.kind == closing:
            self.at += 1
            return []
        parts = [part()]
        while self.kind == ",":
            self.at += 1
            parts.append(part())
        self.take(closing)
        return parts
