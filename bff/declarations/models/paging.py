"""A step's `paginate`, as declared: by what pages follow each other, and how many may be read."""

from collections.abc import Iterator
from typing import Final, Literal

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import Count, EmbeddedExpression, PositiveCount

# The keys that each kind needs, and how to mend that one is not there; and those that it may have.
_NEEDED: Final = {
    "cursor": {
        "param": "Name the operation's param that takes it: param: cursor.",
        "next": 'Say where a reply has it: next: "${reply.next_cursor}".',
    },
    "page": {"param": "Name the operation's param that takes its number: param: page."},
    "offset": {
        "param": "Name the operation's param that takes it: param: offset.",
        "size": "Say how many items a full page has: size: 50.",
    },
    "link": {},
}
_ALLOWED: Final = {"page": ("first",), "link": ("next",)}
_OF_ONE_KIND: Final = ("param", "next", "first", "size")


class PaginateDecl(Declaration):
    """One call per page, each after the one before it; the step's value is the list of all items.

    `items` is the list within a reply, the reply itself when None. `truncate`: what is beyond
    `max_pages` or `max_items` is cut off, and is no failure.
    """

    by: Literal["cursor", "page", "offset", "link"]
    param: str | None = None
    next: EmbeddedExpression | None = None
    first: Count = 1  # the number of the first page
    size: PositiveCount | None = None
    items: EmbeddedExpression | None = None
    max_pages: PositiveCount
    max_items: PositiveCount
    truncate: bool = False

    def violations(self) -> Iterator[Violation]:
        if not self.knows("by"):
            return
        needed = _NEEDED[self.by]
        for key, mend in needed.items():
            if self.knows(key) and getattr(self, key) is None:
                yield Violation(f"pages by {self.by} need `{key}`", mend, at_key=True)
        for key in _OF_ONE_KIND:
            is_right = key in needed or key in _ALLOWED.get(self.by, ())
            if key in self.model_fields_set and not is_right and self.knows(key):
                yield Violation(
                    f"`{key}` has no meaning for pages by {self.by}", "Leave it out.",
                    (key,), at_key=True,
                )  # fmt: skip
