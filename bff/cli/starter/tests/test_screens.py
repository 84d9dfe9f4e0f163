"""The screens of this project, against the stand-in service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from stand_in.books import started

from bff import create_app

PROJECT = Path(__file__).parent.parent


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with started() as address:
        monkeypatch.setenv("BOOKS_URL", address)
        app = create_app(PROJECT)
        yield app.test_client()
        app.extensions["bff"].close()  # its log is written by now, and not among pytest's lines


def test_book_comes_with_its_author_and_reviews(client: FlaskClient) -> None:
    reply = client.get("/screens/book/1")
    assert reply.status_code == 200
    payload = reply.get_json()
    assert payload["author"] == {"id": 7, "name": "Mara Lind", "country": "SE"}
    assert payload["rating"] == 4.5


def test_phones_get_a_trimmed_payload(client: FlaskClient) -> None:
    reply = client.get("/screens/book/1?view=mobile")
    assert set(reply.get_json()) == {"title", "author", "rating"}


def test_book_that_does_not_exist_is_a_404(client: FlaskClient) -> None:
    assert client.get("/screens/book/99").status_code == 404
