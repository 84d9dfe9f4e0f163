"""Texts for tests with `▶` right before the character that a problem is expected at."""

MARK = "▶"


def without_mark(text: str) -> tuple[str, int, int]:
    """The text without its one mark, and the mark's line and column, both from 1."""
    before, mark, after = text.partition(MARK)
    assert mark, "a text needs a mark"
    assert MARK not in after, "a text has one mark"
    return before + after, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
