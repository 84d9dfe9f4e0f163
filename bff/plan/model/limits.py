"""The compiled form of limits: how many requests a caller may make, and what counts as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bff.plan.model.expressions import Template

CountedBy = Literal["identity", "api_key", "address", "failed_credentials", "expression"]
Counting = Literal["leased", "exact", "sliding"]
WithoutRedis = Literal["open", "closed", "local"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on the requests of one caller, or of whatever `by` says.

    A token bucket: `count` tokens come back in `per_seconds`, and it has room for `burst`. With
    `sliding` counting, `count` requests in any `per_seconds` instead.
    """

    name: str  # what replies call it
    by: CountedBy
    key: Template | None  # of an expression: requests with the same value count together
    count: int
    per_seconds: int
    burst: int
    counting: Counting
    without_redis: WithoutRedis
    place: str  # the endpoint that declares it; "": the project, for all endpoints together
    digest: str  # of where it is declared and what it says: what it counts is its own

    @property
    def is_of_project(self) -> bool:
        """Whether it counts the requests to all endpoints together."""
        return not self.place

    @property
    def title(self) -> str:
        """The name in metrics, which has the place: endpoints may have limits of the same name."""
        return self.name if self.is_of_project else f"{self.name} of {self.place}"

    @property
    def most_held(self) -> int:
        """The tokens of one bucket that a worker may hold."""
        return max(1, self.burst // 10) if self.counting == "leased" else 1

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.count / self.per_seconds

    def value(self, root: Mapping[str, Any]) -> Any:
        """What a request counts under, where `by` is an expression."""
        return None if self.key is None else self.key.evaluate(root)
