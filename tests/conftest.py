"""What holds for all tests."""

from hypothesis import settings

from tests.support.examples import examples

# Several processes share few cores, so an example's time says nothing about the code.
settings.register_profile("bff", deadline=None, max_examples=examples(100))
settings.load_profile("bff")
