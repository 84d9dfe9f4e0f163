"""Rooms, floors and arrows of the package `bff`, from import-linter's graph.

A room is a folder, a part is a folder or file at the top, and an arrow is an import from one room
to another. A part's floor is one above the highest floor that it imports; a part that imports
nothing is on the ground. Imports for type checkers alone don't count.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp

import bff

_PACKAGE = "bff"


@dataclass(frozen=True, slots=True)
class Room:
    """A folder by its path within the package. `largest` is the lines of its largest file."""

    name: str
    files: int
    lines: int
    largest: int

    @property
    def part(self) -> str:
        """The room's folder at the top."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class House:
    """Rooms from the top floor down; arrows between rooms, and the number of their imports."""

    rooms: tuple[Room, ...]
    floors: dict[str, int]
    arrows: Counter[tuple[str, str]]

    def mutual_arrows(self) -> list[tuple[str, str]]:
        """Pairs of rooms that import each other."""
        return sorted(
            pair for pair in self.arrows if pair[::-1] in self.arrows and pair[0] < pair[1]
        )

    def imports_of(self, part: str) -> dict[str, int]:
        """The parts that a part imports, from the top floor down, with the number of imports."""
        counts: Counter[str] = Counter()
        for (importer, imported), count in self.arrows.items():
            target = imported.partition("/")[0]
            if importer.partition("/")[0] == part != target:
                counts[target] += count
        return dict(sorted(counts.items(), key=lambda each: (-self.floors[each[0]], each[0])))


def read_house() -> House:
    """The package's rooms. Raises `RecursionError` where parts import each other in a circle."""
    root = Path(bff.__file__).parent
    files: defaultdict[str, list[int]] = defaultdict(list)
    for path in root.rglob("*.py"):
        files[_room(path.relative_to(root))].append(len(path.read_text("utf-8").splitlines()))
    arrows = _read_arrows(root)
    floors = _floors({room.partition("/")[0] for room in files}, arrows)
    rooms = (
        Room(name, sum(size > 0 for size in sizes), sum(sizes), max(sizes))
        for name, sizes in files.items()
        if sum(sizes)
    )
    ordered = sorted(rooms, key=lambda room: (-floors[room.part], room.name))
    return House(tuple(ordered), floors, arrows)


def _read_arrows(root: Path) -> Counter[tuple[str, str]]:
    graph = grimp.build_graph(_PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    arrows: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = _room(_file(root, module)), _room(_file(root, imported))
            if pair[0] != pair[1]:
                arrows[pair] += 1
    return arrows


def _floors(parts: set[str], arrows: Counter[tuple[str, str]]) -> dict[str, int]:
    below: dict[str, set[str]] = {part: set() for part in parts}
    for importer, imported in arrows:
        below[importer.partition("/")[0]].add(imported.partition("/")[0])

    @cache
    def floor(part: str) -> int:
        return max((1 + floor(other) for other in below[part] - {part}), default=0)

    return dict(
        sorted(((part, floor(part)) for part in parts), key=lambda each: (-each[1], each[0]))
    )


def _file(root: Path, module: str) -> Path:
    path = Path(*module.split(".")[1:])
    return path / "__init__.py" if (root / path).is_dir() else path.with_suffix(".py")


def _room(file: Path) -> str:
    """The room of a file; a file at the top is a room by itself."""
    return str(file.parent) if file.parent.parts else file.stem
