"""A project that `bff new` wrote, run by its own tests."""

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from bff.cli import bff


def test_tests_of_a_new_project_pass(tmp_path: Path) -> None:
    CliRunner().invoke(bff, ["new", str(tmp_path / "shop")], catch_exceptions=False)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "shop",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
