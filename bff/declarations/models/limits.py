"""`limits`: how many requests callers may make, of the whole project or of one endpoint."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.forms import FromList, PositiveCount

MOST_LIMITS = 8  # of one list
FAILED_CREDENTIALS = "failed_credentials"

_BY = ("identity", "api_key", "address", FAILED_CREDENTIALS)
_RATE = re.compile(r"([0-9]{1,9})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MOST_A_SECOND = 1_000_000


class Rate(NamedTuple):
    """So many requests in so many seconds."""

    requests: int
    per_seconds: int


def _parse_rate(value: Any) -> Rate:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        mend = "Write how many a second, minute, hour or day: 100/minute."
        raise refusal(Violation("this is no rate", mend))
    rate = Rate(int(match[1]), _SECONDS[match[2]])
    if rate.requests == 0:
        raise refusal(Violation("a rate of nothing", "Write how many may come: 100/minute."))
    if rate.requests > _MOST_A_SECOND * rate.per_seconds:
        raise refusal(Violation(f"a rate is {_MOST_A_SECOND}/second at most"))
    return rate


def _check_by(text: str) -> str:
    if text not in _BY and "${" not in text:
        raise refusal(
            Violation(
                f"nothing counts by '{text}'",
                "Write identity, api_key or address, or an expression: ${claims.tenant}.",
            )
        )
    return text


class LimitDecl(Declaration):
    """A limit. `burst` requests may come at once, `rate` is how they come back; with
    `window: sliding`, `rate` is what may come in any such stretch of time."""

    by: Annotated[str, AfterValidator(_check_by)]
    rate: Annotated[Rate, BeforeValidator(_parse_rate)]
    burst: PositiveCount | None = None  # the count of the rate when None
    exact: bool = False
    window: Literal["sliding"] | None = None
    without_redis: Literal["open", "closed", "local"] = "local"

    def violations(self) -> Iterator[Violation]:
        if self.window is not None:
            for key, what in (
                ("burst", "a window has no burst"),
                ("exact", "a window counts every request"),
            ):
                if key in self.model_fields_set:
                    yield Violation(what, f"Leave `{key}` out.", (key,), at_key=True)
        if self.knows("by") and self.by == FAILED_CREDENTIALS:
            for key in ("exact", "window"):
                if key in self.model_fields_set:
                    yield Violation(
                        "failed credentials are counted one by one", f"Leave `{key}` out.",
                        (key,), at_key=True,
                    )  # fmt: skip


Limits = Annotated[tuple[LimitDecl, ...], FromList]


def limit_violations(limits: Sequence[LimitDecl]) -> Iterator[Violation]:
    """What is wrong between the limits of one list, which stands under `limits`."""
    if len(limits) > MOST_LIMITS:
        yield Violation(f"more than {MOST_LIMITS} limits", "Keep those that differ.", ("limits",))
    for index, each in enumerate(limits):
        if each.errors:
            continue
        first = limits.index(each)
        if first < index:
            yield Violation(f"this is limits[{first}] again", "Keep one.", ("limits", index))
        elif each.by == FAILED_CREDENTIALS and each.by in [one.by for one in limits[:index]]:
            yield Violation(
                "failed credentials have one limit", "Keep one.", ("limits", index, "by")
            )
