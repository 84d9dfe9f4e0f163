"""Which requests a Flask app's own views take before compositions do."""

import pytest
from flask import Flask

from bff.web.hosts.flask.rules import FlaskRules
from bff.web.http.requests import GatewayRequest


def app() -> Flask:
    made = Flask("own", static_folder=None)
    made.add_url_rule("/about", "about", lambda: "")
    made.add_url_rule("/folder/", "folder", lambda: "")
    made.add_url_rule("/users/<int:user_id>/edit", "edit", lambda user_id: "", methods=["POST"])
    made.add_url_rule("/é", "accent", lambda: "")
    return made


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("GET", "/about", True),
        ("HEAD", "/about", True),
        ("GET", "/ab%6Fut", True),
        ("GET", "/%C3%A9", True),
        ("GET", "/\xc3\xa9", True),
        ("POST", "/users/5/edit", True),
        ("GET", "/folder/", True),
        ("POST", "/about", False),
        ("GET", "/about/", False),
        ("GET", "/folder", False),
        ("GET", "/users/5/edit", False),
        ("POST", "/users/ann/edit", False),
        ("GET", "/users/5", False),
        ("GET", "/%ff", False),
        ("GET", "/", False),
    ],
)
def test_own_view_takes_exactly_what_it_answers(method: str, path: str, taken: bool) -> None:
    request = GatewayRequest(method, path, "", [(b"host", b"localhost:80")])
    assert FlaskRules(app()).take(request) is taken


def test_rules_that_come_after_the_edge_was_made_count() -> None:
    made = app()
    rules = FlaskRules(made)
    made.add_url_rule("/later", "later", lambda: "")
    assert rules.take(GatewayRequest("GET", "/later", "", []))
