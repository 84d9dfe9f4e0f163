"""Every error that bff raises, and the problems of broken declarations.

    BffError
    ├── ProjectError        the project's files are broken; carries every Problem found
    ├── SettingsError       a BFF_* environment variable is broken
    ├── TlsFileError        a file in PEM can't be used; says which one
    └── EvaluationError     an expression met a value that its function refuses (a step's
        │                   failure, or a 502; never a 500)
        ├── TooLargeError   a value, or a payload, is larger than the gateway builds
        └── TooManyTagsError  a run names more tags than can be purged one by one

Upstream trouble is not here: it is a value (`bff.engine.values.outcomes.Failed`). What is raised
is a broken declaration or a bug.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a project's file: lines and columns count from 1, in characters."""

    file: str  # relative to the project's folder, with forward slashes
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a project: where, what, and how to mend it.

    `path` is the dotted path of keys within the file (`steps.orders.call`), `mend` may be empty.
    """

    place: Place
    path: str
    what: str
    mend: str = ""

    def __str__(self) -> str:
        place = self.place
        where = f"{place.file}:{place.line}:{place.column}"
        text = f"{where} {self.path}: {self.what}." if self.path else f"{where}: {self.what}."
        return f"{text} {self.mend}" if self.mend else text


class BffError(Exception):
    """The root of bff's own errors."""


class ProjectError(BffError):
    """The project's declarations do not compile; `problems` is sorted and never empty."""

    def __init__(self, problems: "list[Problem] | tuple[Problem, ...]") -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TlsFileError(BffError):
    """A file in PEM can't be used: `key` is its key in a declaration (ca, cert, key)."""

    def __init__(self, key: str, what: str, mend: str) -> None:
        self.key = key
        self.what = what
        self.mend = mend
        super().__init__(f"{key}: {what}")


class SettingsError(BffError):
    """An environment variable holds something that bff can't use; the message names it."""


class EvaluationError(BffError):
    """An expression could not be evaluated over the values it met at run time."""


class TooLargeError(EvaluationError):
    """A value grew beyond what the gateway builds for one request: `502 too_large`."""


class TooManyTagsError(EvaluationError):
    """One run names more tags than can be stored, or purged, one by one."""
