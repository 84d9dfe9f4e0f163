"""docs/observability.md has every metric, attribute and field, as the code has it."""

from tests import observability
from tests.observability import PAGE, PARTS

TEXT = PAGE.read_text("utf-8")


def test_page_has_each_part_that_is_made_of_the_code_once() -> None:
    assert sorted(observability.parts_in(TEXT)) == sorted(PARTS)


def test_tables_of_the_page_are_made_of_the_code() -> None:
    is_equal = observability.page(TEXT) == TEXT
    assert is_equal, "docs/observability.md is older than the code: run `make observability`"


def test_dashboard_and_rules_of_the_example_are_those_that_the_commands_print() -> None:
    for path, text in observability.examples().items():
        is_equal = path.read_text("utf-8") == text
        assert is_equal, f"{path.name} is older than the code: run `make observability`"
