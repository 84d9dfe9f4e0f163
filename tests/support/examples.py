"""How many examples a property is tried with: all by `make test`, a fifth by `make quick`, thirty
times as many in each round of `make fuzz`."""

import os


def examples(count: int) -> int:
    """The number of examples for a property that `make test` tries with `count`."""
    match os.environ.get("EXAMPLES"):
        case "few":
            return count // 5
        case "many":
            return count * 30
        case _:
            return count
