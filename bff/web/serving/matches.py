"""The results of a look-up in the routing table. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass

from bff.plan.model.composition import Route


@dataclass(frozen=True, slots=True)
class ToComposition:
    """The composition called `name`; `params` are the decoded texts of its path."""

    name: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToOwn:
    """An endpoint of the gateway itself, by its path before any prefix."""

    path: str


@dataclass(frozen=True, slots=True)
class ToRoute:
    """A raw route. `below` is the path under its prefix as it came: "" or "/…"."""

    route: Route
    below: str


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path is a composition's, the method is not."""

    allow: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoMatch:
    """The project has nothing at the path."""


@dataclass(frozen=True, slots=True)
class BadPath:
    """A percent sign without two hex digits, bytes that are not UTF-8, or a path that reads in two
    ways."""


Match = ToComposition | ToOwn | ToRoute | WrongMethod | NoMatch | BadPath
