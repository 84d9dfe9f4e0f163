"""`make compliance CASES=FOLDER`: the compliance cases of JMESPath Community, from its repository.

The folder holds files of JSON: lists of `{"given", "cases": [{"expression", "result" | "error"}]}`.
Ends with 1 where an expression gives another value, or is refused without a case for it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import parse_expression


def failures(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Each case's name, and what is wrong with it, if anything is."""
    for file in sorted(folder.glob("*.json")):
        for suite in json.loads(file.read_text(encoding="utf-8")):
            for case in suite["cases"]:
                name = f"{file.name}: {case['expression']}"
                yield name, _failure(case, suite["given"])


def _failure(case: dict[str, Any], given: Any) -> str | None:
    refused: Exception | None = None
    found = None
    try:
        found = compile_node(parse_expression(case["expression"]))(given)
    except (EvaluationError, ValueError) as error:  # of the text, of a value, of the checker
        refused = error
    if "error" in case:
        return None if refused else f"gave {found!r} instead of an error: {case['error']}"
    if refused:
        return f"was refused: {refused}"
    return None if found == case["result"] else f"gave {found!r}, not {case['result']!r}"


def main(folder: Path) -> int:
    """Print every case that fails, then how many there are."""
    found = list(failures(folder))
    wrong = [(name, what) for name, what in found if what is not None]
    for name, what in wrong:
        print(f"{name}\n    {what}")
    print(f"{len(found)} cases, {len(wrong)} wrong.")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
