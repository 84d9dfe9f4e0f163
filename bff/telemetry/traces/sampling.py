"""Which share of traces is kept: spans and lines of the log. All who see a trace decide alike."""

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
    """Which requests' traces are kept. Of those that begin here it is the share `ratio`. Where a
    trusted caller's trace goes on, the caller decides if the sampler `follows_parent`."""

    follows_parent: bool = True
    ratio: float = 1.0


def sampler_called(name: str, ratio: float) -> Sampler:
    """The sampler with one of the names that OpenTelemetry's specification gives."""
    return Sampler(name.startswith("parentbased"), 0.0 if "always_off" in name else ratio)


def ratio_sampler(ratio: float) -> Callable[[bytes], bool]:
    """Whether a trace, by its 32 hexadecimal digits, is of a share from 0 to 1.

    The rule of OpenTelemetry's SDKs (`TraceIdRatioBased`): the last 64 bits of the id are below the
    ratio's share of all. So every part of a system with the same ratio, and every part with a
    larger one, samples the same traces.
    """
    bound = round(ratio * _IDS)
    if bound in (0, _IDS):
        return lambda _: bound > 0

    digits = b"%016x" % bound  # as texts they have the order of the numbers, and cost less

    def samples(trace_id: bytes) -> bool:
        return trace_id[16:] < digits

    return samples
