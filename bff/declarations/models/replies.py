"""What an operation says of its replies beside their type: headers that count."""

from collections.abc import Iterator
from typing import Literal

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import TOKEN

_LINK = "link"
_OF_ONE_CALLER = frozenset({"set-cookie", "www-authenticate", "authentication-info"})
_OF_A_CONNECTION = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding",
                              "upgrade", "proxy-authenticate", "content-length"})  # fmt: skip


class ReplyHeaderDecl(Declaration):
    """A header of the replies: its name, and the type of its text; or of a `Link` header, the
    target of the relation `rel`."""

    name: str
    type: Literal["string", "integer", "number", "boolean"] = "string"
    rel: str | None = None

    def violations(self) -> Iterator[Violation]:
        if not self.knows("name", "rel", "type"):
            return
        name = self.name.lower()
        if not TOKEN.fullmatch(self.name):
            yield Violation(
                f"'{self.name}' is no header's name", "Use letters, digits and dashes.", ("name",)
            )
        elif name in _OF_ONE_CALLER:
            yield Violation(
                f"{self.name} is for one caller, and replies are shared",
                "Let a route pass it, or name another header.", ("name",),
            )  # fmt: skip
        elif name in _OF_A_CONNECTION:
            yield Violation(
                f"{self.name} is about the connection, not about the reply",
                "Name another header.", ("name",),
            )  # fmt: skip
        elif self.rel is not None and name != _LINK:
            yield Violation(
                f"{self.name} has no relations", "Write name: Link, or leave `rel` out.",
                ("rel",), at_key=True,
            )  # fmt: skip
        if self.rel is not None and (not self.rel or not self.rel.isascii() or " " in self.rel):
            yield Violation("this is no relation", "Write one: next, prev, last.", ("rel",))
        if self.rel is not None and self.type != "string":
            yield Violation(
                "the target of a link is a text", "Leave `type` out.", ("type",), at_key=True
            )
