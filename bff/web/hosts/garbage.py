"""Python's garbage collector, in a process that serves."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 20)  # 700 objects would be there after two requests


@contextmanager
def sparing_what_stays() -> Iterator[None]:
    """Keep the collector from walking, again and again, what lives as long as the process: 10 to
    65 µs of a screen of three calls, and most of the slowest hundredth of all requests."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
