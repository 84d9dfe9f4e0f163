"""Caching as declared: for how long, shared by whom, under which tags, and purged by what.

A composition, an operation and a step declare it alike.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import FromList, Lifetime, Window

LONGEST_TAG = 200  # characters beside its expressions
MOST_FIELDS = 100

TagTexts = Annotated[tuple[str, ...], FromList]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class CacheDecl(Declaration):
    """How long a stored value is served, in seconds, and who may share it.

    `scope` is None where the plan derives it.
    """

    ttl: Lifetime
    stale: Window = 10.0
    stale_if_error: Window = 60.0
    scope: Literal["public", "identity"] | None = None
    tags: TagTexts = ()

    def violations(self) -> Iterator[Violation]:
        yield from repeated_tags("tags", self.tags)


class FieldsDecl(Declaration):
    """How many fields a client may select at once, where it may select any."""

    max: Annotated[int, Field(ge=1, le=MOST_FIELDS)]


def repeated_tags(key: str, tags: Iterable[str]) -> Iterator[Violation]:
    """Tags that stand twice in the list under `key`."""
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        if tag in seen:
            yield Violation(f"the tag '{tag}' is there twice", "Keep one.", (key, index))
        seen.add(tag)


def tag_violation(text: str, constant: str) -> Violation | None:
    """Why `text` can't be a tag, or None; `constant` is the text beside its expressions."""
    if not constant:
        return Violation(
            "a tag needs a word for what it marks",
            "Write a word beside the expression: user:${user.id}.",
        )
    if len(constant) > LONGEST_TAG:
        return Violation(f"a tag has {LONGEST_TAG} characters at most beside its expressions")
    if _CONTROL.search(constant):
        return Violation(
            "a tag with a line break or another control character", "Write it on one line."
        )
    if text != text.strip():
        return Violation("a tag with blanks at an end", "Leave them out.")
    return None


def constant_tag_violation(text: str) -> Violation | None:
    """Why `text` can't be a constant tag, or None."""
    if "${" in text:
        return Violation(
            "a route has no values for expressions", "Write a tag that is always the same: orders."
        )
    return tag_violation(text, text)
