"""`make problems`: writes docs/problems.md, from the files with one mistake in tests/unit/broken.

`tests/unit/check/test_broken.py` holds the page equal to them.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.support.docs.markdown import anchor_of
from tests.support.marks import MARK
from tests.support.projects import SHOP_SERVICE
from tests.unit import broken
from tests.unit.broken import Broken

PAGE = Path(__file__).parents[1] / "docs/problems.md"

_HEAD = f"""# Problems, and how they are mended

What `bff check` reports of {{count}} files, each with one mistake. `{MARK}` is no part of a file:
the problem's line and column lead there. Of a service's file the operation with the mistake is
shown alone. `make problems` writes this page, from tables that a test checks.
"""


def modules() -> Iterator[tuple[str, ModuleType]]:
    """The tables of broken files, by their subjects."""
    for each in pkgutil.iter_modules(broken.__path__):
        yield each.name, importlib.import_module(f"{broken.__name__}.{each.name}")


def page() -> str:
    """The text of docs/problems.md."""
    count = 0
    subjects = []
    sections = []
    for _, module in modules():
        title = (module.__doc__ or "").strip().rstrip(".")
        subjects.append(f"- [{title}](#{anchor_of(title)})\n")
        sections.append(f"\n## {title}\n")
        for case, row in module.ROWS.items():
            sections.append(f"\n### {case[0].upper()}{case[1:]}\n\n{_shown(row)}")
            count += 1
    return _HEAD.format(count=count) + "".join(["\n", *subjects, *sections])


def _shown(row: Broken) -> str:
    return f"```yaml\n# {row.file}\n{_excerpt(row.text)}\n```\n\n```\n{row.message}\n```\n"


def _excerpt(text: str) -> str:
    """The file without the operations that every shop has."""
    text, shop = text.strip("\n"), SHOP_SERVICE.strip()
    return f"operations:\n{text.removeprefix(shop).strip(chr(10))}" if shop in text else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
