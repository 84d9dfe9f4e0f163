"""Compositions that take the rest of a path, over every host."""

import pytest

from tests.support.gateway.screens import Screens, value_reply

FILES = """
    endpoint: GET /files/{path...}
    params: {path: {type: string, max_length: 60}}
    steps: {file: {call: shop.get_deep_file, with: {path: "${params.path}"}}}
    response: {path: "${params.path}", file: "${file.value}"}
"""


@pytest.mark.parametrize(
    ("rest", "text", "sent"),
    [
        ("a.txt", "a.txt", "a.txt"),
        ("a/b%20c/d.txt", "a/b c/d.txt", "a/b%20c/d.txt"),
        ("group%2Fproject/issues", "group%2Fproject/issues", "group%2Fproject/issues"),
        ("a%252Fb/%C3%A9", "a%252Fb/é", "a%252Fb/%C3%A9"),
        ("100%25%2F", "100%%2F", None),
        ("..%2Fx", "..%2Fx", None),
        ("%2e%2e/x", "../x", None),
    ],
)
def test_rest_goes_to_the_service_as_it_came(
    screens: Screens, rest: str, text: str, sent: str | None
) -> None:
    """What some server reads as another path is the client's 400."""
    screen = screens(FILES, value_reply({"value": 1}))
    answer = screen.get(f"/files/{rest}")
    if sent is None:
        assert (answer.status, answer.json()["errors"][0]["name"]) == (400, "path")
        assert screen.calls() == []
    else:
        assert answer.json() == {"path": text, "file": 1}
        assert screen.calls() == [f"GET /deep/{sent}"]


def test_rest_is_checked_and_is_never_empty(screens: Screens) -> None:
    screen = screens(FILES)
    assert screen.get(f"/files/{'a/' * 30}b").status == 400
    assert [screen.get(path).status for path in ("/files", "/files/", "/files/a//b")] == [404] * 3
    assert screen.request("POST", "/files/a/b").status == 405


def test_screens_beside_a_rest_come_first(screens: Screens) -> None:
    screen = screens(
        {
            "files": FILES,
            "index": """
                endpoint: GET /files/{name}
                params: {name: {type: string}}
                steps: {file: {call: shop.get_deep_file, with: {path: "${params.name}"}}}
                response: {name: "${params.name}"}
            """,
        },
        {"/deep/a": value_reply({"value": 1}), "/deep/a/b": value_reply({"value": 2})},
    )
    assert screen.get("/files/a").json() == {"name": "a"}
    assert screen.get("/files/a/b").json() == {"path": "a/b", "file": 2}
