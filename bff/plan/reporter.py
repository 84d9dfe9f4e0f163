"""Reports of the compiler's passes: every problem with its place, so that one run reports all.

A pass reports a problem and goes on with its best guess. No pass raises for a broken declaration.
A warning is about what compiles, and may yet be a mistake: `bff check --strict` takes it for a
problem.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bff.declarations.declaration import Declaration
from bff.declarations.documents import Document, problem_at
from bff.errors import Place, Problem

Path = tuple[str | int, ...]
M_co = TypeVar("M_co", bound=Declaration, covariant=True)


@dataclass(frozen=True, slots=True)
class Reporter(Generic[M_co]):
    """Adds what is wrong with one document to the lists of one compilation: `problems`, and
    `warnings`. Not thread-safe."""

    document: Document[M_co]
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list, kw_only=True)

    def knows(self, path: Path) -> bool:
        """Whether the document's model holds at `path` what the file means there."""
        return self.document.knows(path)

    def report(self, path: Path, what: str, mend: str = "") -> None:
        """Report a problem with the value at `path`."""
        self._add(self.document.place(path), path, what, mend)

    def report_key(self, path: Path, what: str, mend: str = "") -> None:
        """Report a problem with the key that `path` ends in."""
        self._add(self.document.place(path, key=True), path, what, mend)

    def warn(self, path: Path, what: str, mend: str = "") -> None:
        """Warn of the value at `path`."""
        self.warnings.append(problem_at(self.document.place(path), path, what, mend))

    def report_in_text(self, path: Path, offset: int, what: str, mend: str = "") -> None:
        """Report a problem with one character of the text at `path`."""
        self._add(self.document.place_in_text(path, offset), path, what, mend)

    def _add(self, place: Place, path: Path, what: str, mend: str) -> None:
        self.problems.append(problem_at(place, path, what, mend))
