"""Each example of `docs/expressions.md` gives the value that stands beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.types.functions import SIGNATURES

PAGE = (Path(__file__).parents[3] / "docs/expressions.md").read_text(encoding="utf-8")
ROOT = json.loads(PAGE.split("```json\n", 1)[1].split("```", 1)[0])


def rows(columns: int) -> list[list[str]]:
    """The cells of the tables with so many columns, without their heads."""
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in PAGE.splitlines()
        if line.startswith("|")
    ]
    return [each for each in cells if len(each) == columns and each[-1].startswith("`")]


def code(cell: str) -> str:
    """What stands in a cell's code, without the ticks around it."""
    ticks = "``" if cell.startswith("``") else "`"
    return cell[len(ticks) : -len(ticks)].strip().replace("\\|", "|")


EXAMPLES = [(code(row[0]), code(row[-1])) for row in rows(3)]
CALLS = [(code(row[2]), code(row[3])) for row in rows(4)]


@pytest.mark.parametrize(("source", "value"), [*EXAMPLES, *CALLS])
def test_example_gives_the_value_beside_it(source: str, value: str) -> None:
    wanted: Any = json.loads(value)
    found = compile_node(parse_expression(source))(ROOT)
    assert found == wanted
    assert type(found) is type(wanted)


def test_every_function_has_a_row_with_its_arguments() -> None:
    described = [code(row[0]) for row in rows(4)]
    assert [each.split("(")[0] for each in described] == sorted(SIGNATURES)
    for each in described:
        signature = SIGNATURES[each.split("(")[0]]
        arguments = each.split("(")[1].rstrip(")").replace(" or ", " ").split(", ")
        if signature.repeats:
            assert arguments.pop() == "…"
        names = [name for name in arguments if not name.startswith("list object")]
        assert each.count("?") == signature.optional
        assert len(names) >= len(signature.takes)


def test_example_calls_the_function_of_its_row() -> None:
    for described, _, example, _ in rows(4):
        assert f"{code(described).split('(')[0]}(" in example
