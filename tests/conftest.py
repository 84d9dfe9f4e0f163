"""What holds for all tests."""

from hypothesis import settings

# Several processes share few cores, so an example's time says nothing about the code.
settings.register_profile("bff", deadline=None)
settings.load_profile("bff")
