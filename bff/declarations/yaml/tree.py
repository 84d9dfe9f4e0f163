"""YAML text to plain data, with the place of every key and value.

Rules:
1. Built from PyYAML's events, not with its constructor: no recursion, no tags, no classes.
2. Keys are texts as they are written: `404:` is "404", as JSON has it.
3. Aliases share what their anchor holds, within `MOST_VALUES`; merge keys are refused.
4. A text that can't be parsed raises `BrokenYaml`; what is only not allowed is noted, and
   reading goes on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bff.declarations.suggestions import known_names
from bff.declarations.yaml.scalars import NumberTooLong, resolve_plain
from bff.declarations.yaml.syntax_errors import SyntaxProblem, explain_syntax

DEEPEST = 64  # levels of nesting
MOST_VALUES = 20_000  # in one file, with aliases written out

KeyPath = tuple[str | int, ...]

_ANCHOR = re.compile(r"&[^\s,\[\]{}]+(?:\s|#.*)*")
_COMMENT = re.compile(r"[ \t]+#")


@dataclass(slots=True)
class SourceSpan:
    """Where one value stands in the source, and where what is in it does."""

    start: int
    end: int
    style: str | None = None  # of a scalar: ', ", |, > or None for plain
    text: str | None = None  # a scalar's, parsed
    items: "dict[str, SourceSpan] | list[SourceSpan] | None" = None
    keys: dict[str, int] = field(default_factory=dict)  # of a mapping: where each key starts
    values: int = 1  # this one and all within it
    levels: int = 0  # of nesting within it


@dataclass(frozen=True, slots=True)
class Note:
    """Something in the YAML that is not allowed here. `loses` is true where the data lacks the
    value at the path because of it."""

    path: KeyPath
    problem: SyntaxProblem
    loses: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A YAML file, read: its data (dicts, lists, scalars) and the spans of the data."""

    data: Any
    root: SourceSpan
    notes: tuple[Note, ...]


class BrokenYaml(Exception):
    """The text is not YAML, or more of it than is read."""

    def __init__(self, path: KeyPath, problem: SyntaxProblem) -> None:
        self.note = Note(path, problem)
        super().__init__(problem.what)


def read_tree(source: str) -> Tree:
    """Read YAML text; a file without a value has None for data. Raises `BrokenYaml`."""
    builder = _Builder(source)
    for event in _events(source, builder):
        builder.take(event)
    return Tree(builder.data, builder.root, tuple(builder.notes))


def _events(source: str, builder: "_Builder") -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(source, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the latter: \U00110000
        raise BrokenYaml(builder.path(), explain_syntax(source, error)) from None


@dataclass(slots=True)
class _OpenCollection:
    """A collection whose end has not come yet."""

    data: dict[str, Any] | list[Any]
    span: SourceSpan
    anchor: str | None
    key: str | None = None  # of a mapping: the key whose value comes next
    skipped: bool = False  # the value that comes next is left out
    merges: bool = False  # and what it holds is taken over


class _Builder:
    def __init__(self, source: str) -> None:
        self.source = source
        self.data: Any = None
        self.root = SourceSpan(0, 0)
        self.notes: list[Note] = []
        self._stack: list[_OpenCollection] = []
        self._anchors: dict[str, tuple[Any, SourceSpan]] = {}
        self._documents = 0

    def path(self) -> KeyPath:
        """The path of what is being read."""
        steps: list[str | int] = []
        for opened in self._stack:
            if isinstance(opened.data, list):
                steps.append(len(opened.data))
            elif opened.key is not None:
                steps.append(opened.key)
        return tuple(steps)

    def take(self, event: yaml.Event) -> None:
        index = _index(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(index, "a second document", "Keep one document to a file.")
            case yaml.ScalarEvent():
                self._scalar(event, index)
            case yaml.AliasEvent():
                self._alias(event, index)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event, index)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(event)
            case _:
                pass

    # -------------------------------------------------------------------------- one event each

    def _scalar(self, event: yaml.ScalarEvent, index: int) -> None:
        self._check_tag(event.tag, index)
        end = _index(event.end_mark)
        if event.anchor is not None and (anchor := _ANCHOR.match(self.source, index)):
            index = min(anchor.end(), end)
        span = SourceSpan(index, end, event.style, event.value)
        if self._expects_key():
            self._take_key(span)
            return
        if event.style is None:
            try:
                value = resolve_plain(event.value)
            except NumberTooLong as error:
                value = None
                self._note(index, str(error), "Put it in quotes if it is a text.", loses=True)
            self._check_cut_off(event, span)
        else:
            value = event.value
        if isinstance(value, str) and not _is_unicode(value):
            self._note(index, "half of a surrogate pair", "Write the character itself.", loses=True)
        self._put(value, span, event.anchor, index)

    def _alias(self, event: yaml.AliasEvent, index: int) -> None:
        if self._expects_key():
            self._refuse(index, "an alias for a key", "Write the key out.")
        name = event.anchor or ""
        found = self._anchors.get(name)
        if found is not None:
            self._put(*found, None, index)
        elif any(opened.anchor == name for opened in self._stack):
            self._refuse(index, f"*{name} stands for what it is part of", "Write it out.")
        else:
            mend = known_names(name, self._anchors)
            self._refuse(index, f"unknown anchor '{name}'", mend)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, index: int) -> None:
        self._check_tag(event.tag, index)
        if self._expects_key():
            self._refuse(
                index, "a list or a mapping for a key",
                'A text that starts with `{` or `[` needs quotes: "{…}".',
            )  # fmt: skip
        self._check_depth(1, index)
        if isinstance(event, yaml.MappingStartEvent):
            self._stack.append(
                _OpenCollection({}, SourceSpan(index, index, items={}), event.anchor)
            )
        else:
            self._stack.append(
                _OpenCollection([], SourceSpan(index, index, items=[]), event.anchor)
            )

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        closed = self._stack.pop()
        closed.span.end = _index(event.end_mark)
        self._put(closed.data, closed.span, closed.anchor, closed.span.start)

    # -------------------------------------------------------------------------- keys and values

    def _expects_key(self) -> bool:
        return bool(self._stack) and (
            isinstance(self._stack[-1].data, dict)
            and self._stack[-1].key is None
            and not self._stack[-1].skipped
        )

    def _take_key(self, span: SourceSpan) -> None:
        opened, key = self._stack[-1], span.text or ""
        if span.style is None and key in ("", "<<"):
            what, mend = (
                ("a key that is empty", 'Write the key; an empty text is "".')
                if not key
                else ("a merge key", "YAML 1.2 has none: write the keys out.")
            )
            self._note(span.start, what, mend)
            opened.skipped, opened.merges = True, bool(key)
        elif key in opened.span.keys:
            opened.key = key
            line = self.source.count("\n", 0, opened.span.keys[key]) + 1
            self._note(
                span.start, f"the key '{key}' is there already, in line {line}", "Keep one of them."
            )
            opened.key, opened.skipped = None, True
        else:
            opened.key = key
            opened.span.keys[key] = span.start
            opened.span.values += 1

    def _put(self, value: Any, span: SourceSpan, anchor: str | None, index: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, span)
        if not self._stack:
            self.data, self.root = value, span
            return
        self._check_depth(span.levels, index)
        opened = self._stack[-1]
        opened.span.levels = max(opened.span.levels, span.levels + 1)
        opened.span.values += span.values
        if opened.span.values > MOST_VALUES:
            self._refuse(index, f"more than {MOST_VALUES} values in one file", "Divide it.")
        if opened.skipped:
            if opened.merges and isinstance(opened.data, dict) and isinstance(value, dict):
                # as it is meant, so that the keys which come with it are not missed
                opened.data.update({**value, **opened.data})
                opened.span.items.update({**span.items, **opened.span.items})  # type: ignore[dict-item, union-attr]
            opened.skipped = opened.merges = False
        elif isinstance(opened.data, list):
            opened.data.append(value)
            opened.span.items.append(span)  # type: ignore[union-attr]
        elif opened.key is not None:
            opened.data[opened.key] = value
            opened.span.items[opened.key] = span  # type: ignore[index, call-overload]
            opened.key = None

    # -------------------------------------------------------------------------- what is not allowed

    def _check_depth(self, more: int, index: int) -> None:
        if len(self._stack) + more > DEEPEST:
            self._refuse(index, f"more than {DEEPEST} levels deep", "Nest less.")

    def _check_tag(self, tag: str | None, index: int) -> None:
        if tag is not None:
            self._note(index, f"the tag {tag}", "Tags mean nothing here: leave it out.")

    def _check_cut_off(self, event: yaml.ScalarEvent, span: SourceSpan) -> None:
        """A ` #` starts a comment, within an expression too: YAML sees no error there."""
        opened = event.value.rfind("${")
        if (
            opened >= 0
            and event.value.count("{", opened) > event.value.count("}", opened)
            and _COMMENT.match(self.source, span.end)
        ):
            self._note(
                span.start, "this expression is cut off: ` #` starts a comment",
                "Put it in quotes: \"${…}\", or '${…}' when it holds double quotes.", loses=True,
            )  # fmt: skip

    def _note(self, index: int, what: str, mend: str, *, loses: bool = False) -> None:
        self.notes.append(Note(self.path(), SyntaxProblem(index, what, mend), loses))

    def _refuse(self, index: int, what: str, mend: str) -> None:
        raise BrokenYaml(self.path(), SyntaxProblem(index, what, mend))


def _index(mark: Any) -> int:
    """The mark's index. PyYAML types marks as optional; its parser sets both on each event."""
    return int(mark.index)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
