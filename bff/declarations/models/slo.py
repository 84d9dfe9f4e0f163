"""`slo` of a composition: the service level objective on which its burn-rate alerts are based."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.forms import Duration

_LEAST, _MOST = 50, 99.999  # percent


def _parse_percentage(value: Any) -> float:
    """`99.9` → 0.999."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(Violation("this is no percentage", "Write a number without a sign: 99.9."))
    if 0 < value <= 1:
        mend = "Write percent: 99.9 for 0.999."
        raise refusal(Violation(f"{value:g} is a share, not a percentage", mend))
    if not _LEAST <= value <= _MOST:
        raise refusal(Violation(f"{value:.12g} is not between {_LEAST} and {_MOST} percent"))
    return round(value / 100, 12)


class SloDecl(Declaration):
    """The share of a composition's requests that are answered, and answered within `latency`.

    `availability` is a share: 0.999. `latency` is in seconds.
    """

    availability: Annotated[float, BeforeValidator(_parse_percentage)]
    latency: Duration | None = None
