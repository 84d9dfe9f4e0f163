"""Who may call an endpoint, compiled."""

from dataclasses import dataclass
from typing import Literal

from bff.plan.model.expressions import Template


@dataclass(frozen=True, slots=True)
class Requirement:
    """Names of which a caller has to have one of `any`, where that names some, and each of `all`.
    The names stand as they are declared."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()

    def is_met_by(self, held: frozenset[str]) -> bool:
        """Whether a caller who has these may pass."""
        return held.issuperset(self.all) and (not self.any or not held.isdisjoint(self.any))


NO_REQUIREMENT = Requirement()


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint: everybody (`public`), whoever is identified and meets what follows
    (`authenticated`), or nobody (None: no file states it).

    `when` sees `claims` and the params outside of the body; nothing but true admits.
    """

    kind: Literal["public", "authenticated"] | None
    roles: Requirement = NO_REQUIREMENT
    scopes: Requirement = NO_REQUIREMENT
    when: Template | None = None
