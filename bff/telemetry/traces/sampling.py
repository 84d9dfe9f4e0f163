"""Which share of traces is kept, for spans and for lines of the log, by the rule of the SDKs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SAMPLERS: Final = (
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
    "always_on",
    "always_off",
    "traceidratio",
)
_IDS: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which traces are kept: the share `ratio` of those that begin here. A trace of a trusted
    caller is kept by the caller's decision, where the sampler `follows_parent`."""

    follows_parent: bool = True
    ratio: float = 1.0


def sampler_called(name: str, ratio: float) -> Sampler:
    """The sampler with one of the names that OpenTelemetry's specification gives."""
    return Sampler(name.startswith("parentbased"), 0.0 if "always_off" in name else ratio)


def ratio_sampler(ratio: float) -> Callable[[bytes], bool]:
    """A function that says whether a trace is in the share `ratio`, from its id of 32 hex digits.

    The rule of OpenTelemetry's SDKs (`TraceIdRatioBased`): the last 64 bits of the id are below the
    share of their range. So all parts of a system with the same ratio keep the same traces, and a
    part with a larger ratio keeps these, too.
    """
    bound = round(ratio * _IDS)
    if bound in (0, _IDS):
        return lambda _: bound > 0

    digits = b"%016x" % bound  # texts of one length compare as numbers do, in less time

    def samples(trace_id: bytes) -> bool:
        return trace_id[16:] < digits

    return samples
