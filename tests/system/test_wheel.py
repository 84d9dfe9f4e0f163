"""The wheel, installed into an empty environment outside the checkout as a user would."""

import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hosts import WAIT_BUDGET_SECONDS
from tests.support.serving import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT],
        check=True,
    )
    (wheel,) = folder.glob("bff_gateway-*.whl")
    venv.create(folder / "env", with_pip=True)
    bin_folder = folder / "env/bin"
    subprocess.run(
        [bin_folder / "pip", "install", "--quiet", wheel, "--constraint", ROOT / "constraints.txt"],
        check=True,
    )
    return bin_folder


@contextmanager
def running(command: list[object], folder: Path, **variables: str) -> Iterator[None]:
    process = subprocess.Popen(
        [str(each) for each in command], cwd=folder, env={**os.environ, **variables}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(WAIT_BUDGET_SECONDS)


def answer(url: str) -> Any:
    """The JSON at `url`, once something serves there."""
    ends = time.monotonic() + WAIT_BUDGET_SECONDS
    while True:
        with suppress(httpx.TransportError):
            return httpx.get(url).raise_for_status().json()
        assert time.monotonic() < ends, f"nothing answers at {url}"
        time.sleep(0.05)


def test_new_project_of_an_installed_wheel_serves_its_screen(
    installed: Path, tmp_path: Path
) -> None:
    shop, port, books = tmp_path / "shop", free_port(), free_port()
    subprocess.run([installed / "bff", "new", shop], check=True, cwd=tmp_path)
    python = installed / "python"
    stand_in = f"from stand_in import books; books.serve({books})"
    serve = [installed / "bff", "serve", "--port", port]
    with (
        running([python, "-c", stand_in], shop),
        running(serve, shop, BOOKS_URL=f"http://127.0.0.1:{books}"),
    ):
        payload = answer(f"http://127.0.0.1:{port}/screens/book/1?view=mobile")
    assert payload == {
        "title": "The Sea at Night",
        "author": {"name": "Mara Lind"},
        "rating": 4.5,
    }
