"""How many examples a property is tried with: all by `make test`, a fifth by `make quick`."""

import os


def examples(count: int) -> int:
    """The number of examples for a property that `make test` tries with `count`."""
    return count // 5 if os.environ.get("EXAMPLES") == "few" else count
