"""A declaration file, read: its frozen model, and the place of every key, value and character.

Knows YAML and pydantic, no project and no folder. Read next: `yaml.tree` (YAML to data),
`yaml.offsets` (within a text), `validation` (data to model).
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bff.declarations.declaration import Declaration, Violation, keys_of
from bff.declarations.environment.filling import FilledData, fill
from bff.declarations.validation import validate
from bff.declarations.yaml.offsets import source_index
from bff.declarations.yaml.syntax_errors import SyntaxProblem
from bff.declarations.yaml.tree import BrokenYaml, KeyPath, SourceSpan, read_tree
from bff.environment import Environment
from bff.errors import Place, Problem

LARGEST_FILE = 1024 * 1024  # bytes

_LONGEST = 400  # characters of a problem's parts
_LONGEST_PATH = 120  # characters; a longer one is shown with both its ends

M = TypeVar("M", bound=Declaration)
M_co = TypeVar("M_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text, and where its lines start."""

    file: str
    text: str
    line_starts: tuple[int, ...]

    def place(self, index: int) -> Place:
        """The line and column of the character at `index`."""
        line = bisect_right(self.line_starts, index)
        return Place(self.file, line, index - self.line_starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Document(Generic[M_co]):
    """One file's model, with the places of everything in it. Immutable; share it freely.

    The model of a file with problems holds what is right of it.
    """

    file: str  # relative to the project's folder, with forward slashes
    model: M_co
    _source: Source = field(repr=False)
    _root: SourceSpan = field(repr=False)
    _unknown: frozenset[KeyPath] = field(default=frozenset(), repr=False)
    _wrong: frozenset[KeyPath] = field(default=frozenset(), repr=False)

    @property
    def text(self) -> str:
        """What stands in the file: names of the environment, and none of its values."""
        return self._source.text

    def knows(self, path: KeyPath) -> bool:
        """Whether the model has at `path` what the file means. It has not where something wrong is
        left out, or where a key may be misspelt."""
        return path not in self._unknown

    def is_sound(self, path: KeyPath) -> bool:
        """Whether nothing is wrong at `path` and below it."""
        depth = len(path)
        return not any(each[:depth] == path for each in (*self._wrong, *self._unknown))

    def place(self, path: KeyPath, *, key: bool = False) -> Place:
        """Where the value at `path` starts, or with `key` the key that the path ends in.

        For a path that doesn't exist it returns the nearest ancestor that does. The value of an
        alias is where its anchor is.
        """
        return _place(self._source, self._root, path, key=key)

    def place_in_text(self, path: KeyPath, offset: int) -> Place:
        """Where the character `offset` of the text at `path` stands in the file, through quotes,
        escapes and folded lines."""
        span = _find(self._root, path)
        if span is None or span.text is None:
            return self.place(path)
        index = source_index(self._source.text, span.start, span.end, span.style, span.text, offset)
        return self._source.place(index)


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A name of the environment without a default, and where a file refers to it."""

    name: str  # "env.ORDERS_URL"
    place: Place


@dataclass(frozen=True, slots=True)
class ReadResult(Generic[M]):
    """A file's problems, and its document unless the file is not YAML or lacks everything."""

    document: Document[M] | None
    problems: tuple[Problem, ...]
    wanted: tuple[Wanted, ...] = ()


def read_document(
    file: str, content: bytes, model: type[M], environment: Environment | None = None
) -> ReadResult[M]:
    """Read a file's bytes as `model`. Reports every problem; a syntax error, alone. Without an
    environment, what the file wants of it is listed, and is no problem."""
    if len(content) > LARGEST_FILE:
        where = Place(file, 1, 1)
        return _broken(Problem(where, "", f"larger than {LARGEST_FILE} bytes", "Divide it."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _broken(_undecodable(file, content, error))
    source = _source(file, text)
    try:
        tree = read_tree(text)
    except BrokenYaml as broken:
        return _broken(_syntax_problem(source, broken.note.path, broken.note.problem))
    data = {} if tree.data is None else tree.data
    needed = [key for key, each in keys_of(model).items() if each.is_required()]
    if tree.data is None and needed:
        what, mend = "the file is empty", f"It needs: {', '.join(needed)}."
        return _broken(_problem(source, tree.root, Violation(what, mend)))
    filled = fill(data, model.environment, environment)
    validated = validate(filled.data, model)
    noted = frozenset(note.path for note in tree.notes if note.loses)
    lost, unfilled = noted | filled.lost, filled.lost | filled.unread
    violations = [
        each
        for each in validated.violations
        if each.path not in noted and (each.at_key or each.path not in unfilled)
    ]
    problems = [_syntax_problem(source, note.path, note.problem) for note in tree.notes]
    problems += [_problem(source, tree.root, each) for each in violations]
    document = Document(
        file,
        validated.model,
        source,
        tree.root,
        validated.unknown | lost,
        frozenset(each.path for each in violations),
    )
    problems += [
        problem_at(document.place_in_text(each.path, each.offset), each.path, each.what, each.mend)
        for each in filled.faults
    ]
    return ReadResult(document, tuple(problems), _wanted(document, filled))


def empty_document(file: str, model: M) -> Document[M]:
    """A document for a file that isn't there: every place is its start."""
    return Document(file, model, _source(file, ""), SourceSpan(0, 0))


def dotted(path: KeyPath) -> str:
    """`("steps", "user", "after", 0)` → `steps.user.after[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    half = _LONGEST_PATH // 2
    return text if len(text) <= _LONGEST_PATH else f"{text[:half]}…{text[1 - half :]}"


def problem_at(where: Place, path: KeyPath, what: str, mend: str) -> Problem:
    """A problem on one line of readable length, whatever it cites from the file."""
    cited = (dotted(path), what, mend)
    shown = (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in cited)
    return Problem(where, *(" ".join(text.splitlines()) for text in shown))


def _wanted(document: Document[M], filled: FilledData) -> tuple[Wanted, ...]:
    return tuple(
        Wanted(str(each.name), document.place_in_text(each.path, each.offset))
        for each in filled.wanted
    )


def _broken(problem: Problem) -> ReadResult[M]:
    return ReadResult(None, (problem,))


def _undecodable(file: str, content: bytes, error: UnicodeDecodeError) -> Problem:
    before = content[: error.start].decode("utf-8-sig", errors="replace")
    return Problem(
        _source(file, before).place(len(before)),
        "",
        f"the byte 0x{content[error.start]:02X} is not UTF-8",
        "Save the file as UTF-8.",
    )


def _syntax_problem(source: Source, path: KeyPath, problem: SyntaxProblem) -> Problem:
    return problem_at(source.place(problem.index), path, problem.what, problem.mend)


def _problem(source: Source, root: SourceSpan, violation: Violation) -> Problem:
    where = _place(source, root, violation.path, key=violation.at_key)
    return problem_at(where, violation.path, violation.what, violation.mend)


def _source(file: str, text: str) -> Source:
    starts = [0]
    for index, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    return Source(file, text, tuple(starts))


def _place(source: Source, root: SourceSpan, path: KeyPath, *, key: bool) -> Place:
    span = root
    for depth, part in enumerate(path):
        below = _below(span, part)
        if below is None:
            break
        if key and depth == len(path) - 1 and str(part) in span.keys:
            return source.place(span.keys[str(part)])
        span = below
    return source.place(span.start)


def _find(root: SourceSpan, path: KeyPath) -> SourceSpan | None:
    span: SourceSpan | None = root
    for part in path:
        if span is None:
            return None
        span = _below(span, part)
    return span


def _below(span: SourceSpan, part: str | int) -> SourceSpan | None:
    """What stands under a key or an index; `404` finds the key "404"."""
    match span.items:
        case dict():
            return span.items.get(str(part))
        case list() if isinstance(part, int) and 0 <= part < len(span.items):
            return span.items[part]
        case _:
            return None
