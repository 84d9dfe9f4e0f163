"""Whatever is filled into a `Location`, it leads where its literals say, or it does not go out."""

from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bff.errors import EvaluationError
from bff.plan.compiler.project import compile_project
from tests.support.projects import write_project

ORIGIN = "https://shop.example"
TEXT = """
endpoint: GET /screen
steps: {{user: {{call: shop.get_user, with: {{id: 7}}}}}}
headers: {{Location: "{location}"}}
"""
TRICKS = st.text(st.sampled_from("/\\.:@?#&=%25eE \t\r\nevil\u2025\uff0f\ud800é"), max_size=12)
Sent = Callable[[str], str]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sent]:
    """For a declared Location, the function from what is filled in to what goes out."""

    def compiled(location: str) -> Sent:
        folder = write_project(
            tmp_path_factory.mktemp("locations"),
            {"screen": TEXT.format(location=location)},
            gateway="redirect_origins: [https://pay.example]",
        )
        head = compile_project(folder).compositions[0].head
        assert head is not None
        return lambda text: head.evaluate({"claims": {"x": text}}).headers[0][1].decode()

    return compiled


@pytest.fixture(scope="module")
def within(sent: Callable[[str], Sent]) -> Sent:
    return sent("/a/${claims.x}/b?c=${claims.x}&d=1#e")


@pytest.fixture(scope="module")
def first(sent: Callable[[str], Sent]) -> Sent:
    return sent("${claims.x}/b")


@given(st.text() | TRICKS)
@example("")
@example("//evil.example")
@example("..")
@example("\\evil.example")
@example("\r\nSet-Cookie: a=b")
def test_what_is_filled_in_stays_one_segment_and_one_value(within: Sent, text: str) -> None:
    try:
        location = within(text)
    except EvaluationError:
        return
    parts = urlsplit(urljoin(ORIGIN, location))
    whole = text.encode("utf-8", "replace").decode()
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "shop.example", "e")
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "a", whole, "b"]
    assert parse_qs(parts.query, keep_blank_values=True) == {"c": [whole], "d": ["1"]}
    assert location.isascii()
    assert location.isprintable()


@given(st.text() | TRICKS.map(lambda text: f"https://pay.example{text}") | TRICKS)
@example("https://pay.example")
@example("https://pay.example@evil.example")
@example("https://pay.example\\@evil.example")
@example("https://pay.example:443")
def test_location_that_begins_with_an_expression_is_of_a_listed_origin(
    first: Sent, text: str
) -> None:
    try:
        location = first(text)
    except EvaluationError:
        return
    parts = urlsplit(urljoin(ORIGIN, location))
    assert (parts.scheme, parts.hostname) == ("https", "pay.example")
    assert parts.username is None
    assert (parts.port or 443) == 443
    assert location.isascii()
    assert location.isprintable()
    assert "\\" not in location
