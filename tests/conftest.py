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

_HANDLERS = {
    number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
}


def pytest_runtest_setup() -> None:
    """Each test begins with the same signals: `bff serve`, run in this process, ignores them from
    its end on, and servers that later tests start would do so too."""
    for number, handler in _HANDLERS.items():
        signal.signal(number, handler)


def pytest_collection_finish() -> None:
    """Take the collected tests, millions of objects, out of each later collection of garbage."""
    gc.collect()
    gc.freeze()
