"""A project's schemas folder is imported apart from everything else in the process."""

import gc
import sys
from pathlib import Path

import pytest

from bff.plan.schemas.modules import SchemaModules, import_schemas

COMMON = "class Money:\n    pass\n"


def load(folder: Path, **modules: str) -> SchemaModules:
    """Import modules from source, by their paths below `schemas`."""
    for name, text in modules.items():
        file = folder / "schemas" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return import_schemas(folder)


SPELLINGS = [
    "from .common import Money",
    "from schemas.common import Money",
    "from . import common\nMoney = common.Money",
    "from schemas import common\nMoney = common.Money",
    "import schemas.common\nMoney = schemas.common.Money",
    "import schemas.common as c\nMoney = c.Money",
    "from .common import *",
    "def f():\n    from schemas.common import Money\n    return Money\nMoney = f()",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_module_is_imported_once_however_it_is_spelt(spelling: str, tmp_path: Path) -> None:
    loaded = load(tmp_path, common=COMMON, orders=spelling)
    assert loaded.problems == ()
    common = loaded.modules["schemas.common"]
    assert loaded.modules["schemas.orders"].Money is common.Money
    assert common.Money.__module__ == f"{loaded.package}.common"


def test_import_within_a_function_works_long_after_the_load(tmp_path: Path) -> None:
    text = "def f():\n    from schemas.common import Money\n    return Money\n"
    loaded = load(tmp_path, common=COMMON, orders=text)
    assert loaded.modules["schemas.orders"].f() is loaded.modules["schemas.common"].Money


def test_module_in_a_folder_imports_from_the_folder_above(tmp_path: Path) -> None:
    loaded = load(tmp_path, **{"common": COMMON, "shop/orders": "from ..common import Money"})
    assert loaded.problems == ()
    assert loaded.modules["schemas.shop.orders"].Money is loaded.modules["schemas.common"].Money


def test_package_file_is_run_first_and_may_offer_names(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, __init__="from .common import Money", common=COMMON, a="from schemas import Money"
    )
    assert loaded.problems == ()
    assert loaded.modules["schemas"].Money is loaded.modules["schemas.a"].Money


def test_loading_leaves_the_import_system_as_it_was(tmp_path: Path) -> None:
    before = set(sys.modules), list(sys.path), list(sys.meta_path)
    loaded = load(tmp_path, common=COMMON, broken="import schemas.common\n1 / 0\n")
    added = set(sys.modules) - before[0]
    assert added == {loaded.package, f"{loaded.package}.common"}
    assert (sys.path, sys.meta_path) == before[1:]
    assert not list(tmp_path.rglob("__pycache__"))


def test_private_names_go_with_the_load(tmp_path: Path) -> None:
    loaded = load(tmp_path, common=COMMON)
    package = loaded.package
    assert package in sys.modules
    del loaded
    gc.collect()
    assert not [name for name in sys.modules if name.startswith(package)]


def test_two_projects_live_side_by_side(tmp_path: Path) -> None:
    one = load(tmp_path / "one", common="NAME = 1")
    two = load(tmp_path / "two", common="NAME = 2", a="from schemas.common import NAME")
    assert one.modules["schemas.common"].NAME == 1
    assert two.modules["schemas.a"].NAME == 2


def test_file_edited_twice_within_a_second_is_read_twice(tmp_path: Path) -> None:
    values = [load(tmp_path, common=f"NAME = {n}").modules["schemas.common"].NAME for n in range(5)]
    assert values == [0, 1, 2, 3, 4]


def test_real_module_called_schemas_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "schemas.py").write_text("NAME = 'real'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    import schemas as real

    loaded = load(tmp_path, common=COMMON, a="import schemas\nfrom schemas.common import Money\n")
    assert loaded.problems == ()
    assert sys.modules["schemas"] is real
    monkeypatch.delitem(sys.modules, "schemas")


FAILURES = [
    ("x = 1\n\ny = 1 / 0\n", 3, 1, "ZeroDivisionError: division by zero"),
    ("x = 1\nclass A(:\n", 2, 9, "SyntaxError: invalid syntax"),
    ("import json\nimport no_such_thing\n", 2, 1, "No module named 'no_such_thing'"),
    ("\nfrom schemas.comon import X\n", 2, 1, "No module named 'schemas.comon'"),
    ("from .common import Nope\n", 1, 1, "cannot import name 'Nope' from 'schemas.common'"),
    ("from ...other import X\n", 1, 1, "beyond top-level package"),
    ("x = 1\nraise SystemExit(3)\n", 2, 1, "SystemExit: 3"),
    ("x = 1\nraise KeyboardInterrupt\n", 2, 1, "KeyboardInterrupt"),
    ("class Halt(BaseException):\n    pass\n\nraise Halt('now')\n", 4, 1, "Halt: now"),
    ("\ndef f():\n    return {}['k']\n\nf()\n", 3, 1, "KeyError: 'k'"),
    ("x = '\0'\n", 1, 1, "null bytes"),
    (
        "from pydantic import BaseModel\n\n\nclass A(BaseModel):\n    x = 1\n",
        4,
        1,
        "PydanticUserError: A non-annotated attribute was detected",
    ),
]


@pytest.mark.parametrize(("text", "line", "column", "what"), FAILURES)
def test_failing_module_is_told_with_its_line_and_the_others_load(
    text: str, line: int, column: int, what: str, tmp_path: Path
) -> None:
    loaded = load(tmp_path, broken=text, common=COMMON, zebra="from .common import Money")
    (problem,) = loaded.problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "schemas/broken.py",
        line,
        column,
    )
    assert what in problem.what
    assert loaded.package not in str(problem)
    assert str(tmp_path) not in str(problem)
    assert set(loaded.modules) == {"schemas", "schemas.common", "schemas.zebra"}


def test_interruption_while_a_module_runs_stops_the_load(tmp_path: Path) -> None:
    text = "import os\nimport signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass\n"
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, endless=text)


def test_unknown_module_lists_the_nearest(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, common=COMMON, a="import schemas.comon").problems
    assert "Did you mean 'schemas.common'?" in problem.mend


def test_file_that_is_no_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "a.py").write_bytes(b"x = '\xff'\n")
    (problem,) = import_schemas(tmp_path).problems
    assert problem.place.file == "schemas/a.py"


def test_module_that_imports_a_broken_one_adds_no_problem(tmp_path: Path) -> None:
    loaded = load(tmp_path, a="from .b import X", b="from schemas.c import X", c="X = nope")
    (problem,) = loaded.problems
    assert problem.place.file == "schemas/c.py"
    assert set(loaded.broken) == {"schemas.a", "schemas.b", "schemas.c"}
    assert set(loaded.broken.values()) == {problem}


def test_broken_package_file_breaks_what_is_below_it_with_one_problem(tmp_path: Path) -> None:
    loaded = load(tmp_path, **{"shop/__init__": "1 / 0", "shop/orders": COMMON, "common": COMMON})
    (problem,) = loaded.problems
    assert problem.place.file == "schemas/shop/__init__.py"
    assert set(loaded.broken) == {"schemas.shop", "schemas.shop.orders"}


def test_modules_that_import_each_other_load_when_python_would(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        a="from . import b\nclass A: pass\ndef other(): return b.B\n",
        b="import schemas.a\nclass B: pass\ndef other(): return schemas.a.A\n",
    )
    assert loaded.problems == ()
    a, b = loaded.modules["schemas.a"], loaded.modules["schemas.b"]
    assert a.other() is b.B
    assert b.other() is a.A


def test_name_needed_within_a_circle_is_told(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, a="from .b import B\nclass A: pass", b="from .a import A\nclass B: pass"
    )
    (problem,) = loaded.problems
    assert problem.place.file == "schemas/b.py"
    assert "cannot import 'A' from schemas.a: the import is circular" in problem.what


def test_project_without_schemas_is_an_empty_package(tmp_path: Path) -> None:
    loaded = import_schemas(tmp_path)
    assert (dict(loaded.modules), loaded.problems) == ({}, ())


def test_file_whose_name_no_import_can_spell_is_left_alone(tmp_path: Path) -> None:
    loaded = load(tmp_path, **{"my-orders": "1 / 0", "common": COMMON})
    assert loaded.problems == ()
    assert set(loaded.modules) == {"schemas", "schemas.common"}
