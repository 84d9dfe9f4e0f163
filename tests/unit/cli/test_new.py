"""`bff new`, as a terminal sees it."""

import runpy
import socket
import struct
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(bff, [str(each) for each in arguments])


def test_new_project_checks_without_a_warning(tmp_path: Path) -> None:
    assert run("new", tmp_path / "shop").exit_code == 0
    result = run("check", "--strict", "--project", tmp_path / "shop")
    assert (result.stdout, result.exit_code) == (
        "1 composition over 3 operations: no problem.\n",
        0,
    )


def test_new_project_holds_no_file_that_python_left(tmp_path: Path) -> None:
    run("new", tmp_path / "shop")
    written = sorted(
        str(each.relative_to(tmp_path / "shop")) for each in tmp_path.rglob("*") if each.is_file()
    )
    assert written == [
        ".env.example",
        ".gitignore",
        "README.md",
        "compositions/book.yaml",
        "gateway.yaml",
        "schemas/books.py",
        "services/books.yaml",
        "stand_in/books.py",
        "tests/test_screens.py",
    ]


def test_empty_folder_takes_a_new_project(tmp_path: Path) -> None:
    assert run("new", tmp_path).exit_code == 0


def test_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("mine")
    result = run("new", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {tmp_path} is not empty: it holds gateway.yaml;"
        " name a folder that does not exist yet\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["gateway.yaml"]


def test_file_is_no_folder_for_a_new_project(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    result = run("new", tmp_path / "shop")
    assert result.stderr == f"Error: {tmp_path / 'shop'} is a file; name a folder\n"


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("new", tmp_path / "file" / "shop")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path / 'file' / 'shop'}: Not a directory\n"


def test_client_that_leaves_the_stand_in_in_the_middle_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As the gateway does with the other calls of a book that is not found."""
    run("new", tmp_path)
    stand_in = runpy.run_path(str(tmp_path / "stand_in" / "books.py"))
    with stand_in["started"]() as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /books/1 HTTP/1.1\r\nHost: here\r\n\r\nGET /au")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            serving = [each for each in threading.enumerate() if "process_request" in each.name]
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for each in serving:
            each.join(10)
    assert serving
    assert capfd.readouterr().err == ""
