"""What a composition's declared status and headers become, and what may not go out."""

from pathlib import Path

import pytest

from bff.errors import EvaluationError
from bff.plan.compiler.project import compile_project
from bff.plan.explain.composition import explain
from bff.plan.model.composition import CompiledProject
from bff.plan.model.payload import Head, ReplyHead
from tests.support.projects import write_project

SCREEN = """
endpoint: GET /screen
params: {id: {type: integer, default: 1}, text: {type: string, required: false}}
steps: {user: {call: shop.get_user, with: {id: 7}}}
"""
LISTED = "redirect_origins: ['https://pay.example', 'http://127.0.0.1:8080']"


def project(folder: Path, lines: str) -> CompiledProject:
    return compile_project(write_project(folder, {"screen": f"{SCREEN}{lines}\n"}, gateway=LISTED))


def head(folder: Path, lines: str) -> ReplyHead:
    declared = project(folder, lines).compositions[0].head
    assert declared is not None
    return declared


def sent(folder: Path, header: str, given: object) -> str | None:
    """The header as it goes out where `claims.x`, of which nothing is known, is this."""
    headers = head(folder, f"headers: {{{header}}}").evaluate({"claims": {"x": given}}).headers
    return headers[0][1].decode() if headers else None


@pytest.mark.parametrize(
    ("location", "given", "expected"),
    [
        ("/users/${claims.x}", "a/b?c#d", "/users/a%2Fb%3Fc%23d"),
        ("/users/${claims.x}", "é \r\n\"<", "/users/%C3%A9%20%0D%0A%22%3C"),
        ("/users?next=${claims.x}&a=b", "/x&a=c", "/users?next=%2Fx%26a%3Dc&a=b"),
        ("/${claims.x}", "/evil.example", "/%2Fevil.example"),
        ("/a/${claims.x}", "\ud800", "/a/%3F"),
        ("/a/${claims.x}", True, "/a/true"),
        ("/a/${claims.x}", None, None),
        ("https://shop.example/${claims.x}", "@evil", "https://shop.example/%40evil"),
        ("https://shop.example?a=${claims.x}", "&", "https://shop.example?a=%26"),
        ("${claims.x}", "https://pay.example/x?y=1#z", "https://pay.example/x?y=1#z"),
        ("${claims.x}", "https://PAY.example:443", "https://PAY.example:443"),
        ("${claims.x}/a/${claims.x}", "http://127.0.0.1:8080",
         "http://127.0.0.1:8080/a/http%3A%2F%2F127.0.0.1%3A8080"),
        ("${claims.x}", None, None),
    ],
)  # fmt: skip
def test_what_is_filled_into_a_location_is_encoded(
    tmp_path: Path, location: str, given: object, expected: str | None
) -> None:
    assert sent(tmp_path, f"Location: '{location}'", given) == expected


@pytest.mark.parametrize(
    ("location", "given"),
    [
        ("/${claims.x}/evil.example", ""),
        ("/a/${claims.x}/b", ".."),
        ("/a/${claims.x}", "%2e%2E"),
        ("/a/${claims.x}", [1]),
        ("/a/${claims.x}", "x" * 9000),
        ("${claims.x}", ""),
        ("${claims.x}", "https://evil.example/"),
        ("${claims.x}", "https://pay.example.evil.example/"),
        ("${claims.x}.evil.example/", "https://pay.example"),
        ("${claims.x}", "https://pay.example@evil.example/"),
        ("${claims.x}", "https://pay.example\\@evil.example/"),
        ("${claims.x}", "https://evil.example\\.pay.example/"),
        ("${claims.x}", "//pay.example/"),
        ("${claims.x}", "/path"),
        ("${claims.x}", "javascript:alert(1)//https://pay.example/"),
        ("${claims.x}", "https://pay.example:8443/"),
        ("${claims.x}", "http://pay.example/"),
        ("${claims.x}", "https://pay.example/a b"),
        ("${claims.x}", "https://pay.example/é"),
        ("${claims.x}", "https://pay.example/\r\nSet-Cookie: a=b"),
        ("${claims.x}", "\thttps://evil.example/"),
    ],
)
def test_location_that_would_lead_elsewhere_does_not_go_out(
    tmp_path: Path, location: str, given: object
) -> None:
    with pytest.raises(EvaluationError):
        sent(tmp_path, f"Location: '{location}'", given)


@pytest.mark.parametrize(
    ("header", "given", "expected"),
    [
        ("X-Name: '${claims.x}'", False, "false"),
        ("X-Name: '${claims.x}'", "é", "é"),
        ("X-Name: ' a ${claims.x} '", " \t ", "a"),
        ("Retry-After: '${claims.x}'", 120, "120"),
        ("Deprecation: '@${claims.x}'", None, None),
        ("Link: '</a?page=${claims.x}>; rel=next'", ">;a", "</a?page=%3E%3Ba>; rel=next"),
        ("Content-Location: '/a/${claims.x}'", "b/c", "/a/b%2Fc"),
        ('Content-Disposition: "attachment; filename*=UTF-8\'\'${claims.x}"', 'Mü"x.pdf',
         "attachment; filename*=UTF-8''M%C3%BC%22x.pdf"),
    ],
)  # fmt: skip
def test_header_holds_what_is_filled_in(
    tmp_path: Path, header: str, given: object, expected: str | None
) -> None:
    assert sent(tmp_path, header, given) == expected


@pytest.mark.parametrize(
    "given", ["a\r\nSet-Cookie: b=c", "a\x00", "a\nb", "\x7f", "\ud800", ["a"], {}, "x" * 8200]
)
def test_value_that_no_header_may_hold_does_not_go_out(tmp_path: Path, given: object) -> None:
    with pytest.raises(EvaluationError):
        sent(tmp_path, "X-Name: '${claims.x}'", given)


def test_headers_have_a_bound_together(tmp_path: Path) -> None:
    lines = "headers: {X-A: '${claims.x}', X-B: '${claims.x}'}"
    declared = head(tmp_path, lines)
    declared.evaluate({"claims": {"x": "y" * 4093}})
    with pytest.raises(EvaluationError, match="more than 8192 bytes"):
        declared.evaluate({"claims": {"x": "y" * 4094}})


@pytest.mark.parametrize("given", [404, 500, 304, 100, 201.0, "201", None, True, [201], 10**30])
def test_status_that_no_payload_has_does_not_go_out(tmp_path: Path, given: object) -> None:
    with pytest.raises(EvaluationError):
        head(tmp_path, "status: '${claims.x}'").evaluate({"claims": {"x": given}})


def test_status_may_be_computed_and_a_redirect_needs_its_location(tmp_path: Path) -> None:
    lines = "status: '${claims.x}'\nheaders: {Location: '/${claims.y}'}"
    declared = head(tmp_path, lines)
    assert declared.evaluate({"claims": {"x": 201, "y": None}}) == Head(201)
    found = declared.evaluate({"claims": {"x": 303, "y": "z"}})
    assert found == Head(303, ((b"location", b"/z"),))
    with pytest.raises(EvaluationError, match="no Location"):
        declared.evaluate({"claims": {"x": 303, "y": None}})


def test_head_that_is_constant_is_made_once(tmp_path: Path) -> None:
    declared = head(tmp_path, "status: 202\nheaders: {X-A: b, Retry-After: '5'}")
    found = declared.evaluate({})
    assert found is declared.evaluate({})
    assert found == Head(202, ((b"x-a", b"b"), (b"retry-after", b"5")))


def test_composition_that_declares_neither_has_none(tmp_path: Path) -> None:
    assert project(tmp_path, "").compositions[0].head is None


@pytest.mark.parametrize(
    "lines",
    [
        "status: '${params.text && `201` || `200`}'",
        "headers: {X-A: '${params.text}'}",
        "headers: {Location: '/a/${params.text}'}",
    ],
)
def test_what_status_and_headers_read_counts_for_the_key(tmp_path: Path, lines: str) -> None:
    (composition,) = project(tmp_path, lines + "\ncache: {ttl: 1m}").compositions
    assert composition.key_reads == {("params", "text")}


def test_what_status_and_headers_read_counts_for_scope_and_used_replies(tmp_path: Path) -> None:
    lines = "headers: {X-A: '${claims.sub}'}\ncache: {ttl: 1m}"
    assert project(tmp_path / "a", lines).compositions[0].scope == "identity"
    lines = "validate: used\nresponse: ok\nheaders: {X-A: '${user.firstName}'}"
    (step,) = project(tmp_path / "b", lines).compositions[0].steps
    assert step.needs_json
    assert [name for name, _ in step.operation.returns.type.fields] == ["firstName"]  # type: ignore[union-attr]


def test_list_of_redirect_origins_is_in_the_digest(tmp_path: Path) -> None:
    """What is stored with a Location must not outlive the list that let it out."""
    text = f"{SCREEN}headers: {{Location: '${{claims.x}}'}}\n"
    digests = {
        compile_project(
            write_project(tmp_path / name, {"a": text}, gateway=f"redirect_origins: [{origins}]")
        )
        .compositions[0]
        .digest
        for name, origins in (("a", "https://a.example"), ("b", "https://b.example"))
    }
    assert len(digests) == 2


def test_plan_shows_status_and_headers(tmp_path: Path) -> None:
    made = project(
        tmp_path, "status: 201\nheaders: {Location: '/a/${user.id}', X-T: '${params.text}'}"
    )
    text = explain(made.compositions[0], made.services)
    assert (
        """
status: 201
headers:
  Location: /a/${user.id}
  X-T: ${params.text}, left out where it is null

payload
"""
        in text
    )
    made = project(tmp_path, "status: 204")
    text = explain(made.compositions[0], made.services)
    assert "\nstatus: 204\n\npayload\n  none: a 204 has no body\n" in text
