"""Every mistake is reported at its place, with its remedy: the exact words of `bff check`."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from tests import problems
from tests.support.marks import without_mark
from tests.support.projects import write_project

ROWS = {
    f"{name}: {case}": row
    for name, module in problems.modules()
    for case, row in module.ROWS.items()
}


@pytest.mark.parametrize("case", ROWS)
def test_file_with_one_mistake_has_exactly_this_message(case: str, tmp_path: Path) -> None:
    row = ROWS[case]
    text, line, column = without_mark(row.text.lstrip("\n"))
    compositions = {
        "screen": "endpoint: GET /\nsteps: {p: {call: shop.list_products, with: {ids: [1]}}}"
    }
    write_project(tmp_path, compositions, services=row.services or None)
    path = tmp_path / row.file
    path.write_text(text, encoding="utf-8")
    found = [str(each) for each in check_project(tmp_path).problems]
    assert found == [f"{row.file}:{line}:{column} {row.message}"]


def test_page_of_problems_is_made_of_the_tables() -> None:
    is_equal = problems.PAGE.read_text("utf-8") == problems.page()
    assert is_equal, "docs/problems.md is older than the tables: run `make problems`"
