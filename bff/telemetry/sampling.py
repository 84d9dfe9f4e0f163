"""Which share of traces is kept: spans and lines of the log. All who see a trace decide alike."""

from collections.abc import Callable
from typing import Final

_IDS: Final = 1 << 64


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
