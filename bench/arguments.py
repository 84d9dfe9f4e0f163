"""Values on the command lines of the benchmarks."""

import argparse


def positive(text: str) -> int:
    """A whole number from 1 on, for `type=`."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
