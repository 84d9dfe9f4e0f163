"""What holds for all tests."""

import gc
import signal

from hypothesis import settings

from tests.support.examples import examples

# Several processes share few cores, so an example's time says nothing about the code.
settings.register_profile("bff", deadline=None, max_examples=examples(100))
settings.load_profile("bff")

# A shell starts its background jobs with SIGINT ignored, and whatever they start inherits that; but
# servers under test are ended by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Take the collected tests, millions of objects, out of each later collection of garbage."""
    gc.collect()
    gc.freeze()
