"""The compiler's notebook: collects every problem with its place, so that one run reports all.

Passes add to it and go on with the best guess; nobody raises on a broken declaration.
"""

from collections.abc import Iterable
from typing import Any

from bff.declarations.documents import Document, problem_at
from bff.errors import Place, Problem

Path = tuple[str | int, ...]


class Notebook:
    """Problems of one compilation, in the order found. Not thread-safe; one per compilation."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.problems: list[Problem] = list(problems)

    def at(self, document: Document[Any], path: Path, what: str, mend: str = "") -> None:
        """A problem with the value at `path`."""
        self._add(document, path, document.place(path), what, mend)

    def at_key(self, document: Document[Any], path: Path, what: str, mend: str = "") -> None:
        """A problem with the key that `path` ends in."""
        self._add(document, path, document.place(path, key=True), what, mend)

    def in_text(
        self, document: Document[Any], path: Path, offset: int, what: str, mend: str = ""
    ) -> None:
        """A problem with one character of the text at `path`."""
        self._add(document, path, document.place_in_text(path, offset), what, mend)

    def _add(self, document: Document[Any], path: Path, place: Place, what: str, mend: str) -> None:
        self.problems.append(problem_at(place, path, what, mend))
