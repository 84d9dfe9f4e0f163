"""What gateway.yaml may say, and what is told about one that says it wrong."""

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.access import CorsDecl
from bff.declarations.models.gateway import GatewayFile
from tests.support.marks import without_mark

CASES = {
    "unknown key": ("▶route: {}", "route", "unknown key 'route'", "'routes'"),
    "prefix without a slash": (
        "routes: {▶raw: {service: a}}", "routes.raw", "'raw' is no path prefix", "/raw/orders",
    ),
    "prefix with a last slash": (
        "routes: {▶/raw/: {service: a}}", "routes./raw/", "no path prefix", "",
    ),
    "prefix with dots": (
        "routes: {▶/a/../b: {service: a}}", "routes./a/../b", "no path prefix", "",
    ),
    "route to nowhere": ("routes: {/raw: ▶{}}", "routes./raw", "needs the key 'service'", ""),
    "route with an unknown key": (
        "routes: {/raw: {service: a, ▶stripp: true}}", "routes./raw.stripp", "unknown key",
        "'strip'",
    ),
    "every origin": ("cors: {origins: [▶'*']}", "cors.origins[0]", "any page", "exactly"),
    "null origin": ("cors: {origins: [▶'null']}", "cors.origins[0]", "any page", ""),
    "origin with a path": (
        "cors: {origins: [▶https://a.example/]}", "cors.origins[0]", "no browser sends",
        "https://a.example.",
    ),
    "origin in capitals": (
        "cors: {origins: [▶https://A.example]}", "cors.origins[0]", "no browser sends",
        "https://a.example.",
    ),
    "origin with the port of https": (
        "cors: {origins: [▶'https://a.b:443']}", "cors.origins[0]", "no browser sends",
        "https://a.b.",
    ),
    "origin with the port of http": (
        "cors: {origins: [▶'http://a.b:80']}", "cors.origins[0]", "no browser sends", "http://a.b.",
    ),
    "origin with zeros before the port": (
        "cors: {origins: [▶'https://a.b:08443']}", "cors.origins[0]", "no browser sends",
        "https://a.b:8443.",
    ),
    "origin of a long address": (
        "cors: {origins: [▶'http://[0:0:0:0:0:0:0:1]:8080']}", "cors.origins[0]",
        "no browser sends", "http://[::1]:8080.",
    ),
    "origin with a user": (
        "cors: {origins: [▶'https://u@a.b']}", "cors.origins[0]", "no browser sends",
        "https://app.example.com.",
    ),
    "origin without a scheme": (
        "cors: {origins: [▶a.example]}", "cors.origins[0]", "no browser sends", "",
    ),
    "access that is not known": (
        "defaults: {access: ▶open}", "defaults.access", "no access", "public",
    ),
    "access of a route that is not known": (
        "routes: {/raw: {service: a, access: ▶[a]}}", "routes./raw.access", "no access",
        "public",
    ),
    "body without a unit": (
        "routes: {/raw: {service: a, max_body: ▶1000000}}", "routes./raw.max_body", "has a unit",
        "10MiB",
    ),
    "body in a unit of its own": (
        "routes: {/raw: {service: a, max_body: ▶10MB}}", "routes./raw.max_body", "no size", "10MiB",
    ),
    "body beyond all bodies": (
        "routes: {/raw: {service: a, max_body: ▶1025GiB}}", "routes./raw.max_body", "1TiB at most",
        "",
    ),
    "misspelt limit": (
        "routes: {/raw: {service: a, ▶maxbody: 1MiB}}", "routes./raw.maxbody", "unknown key",
        "'max_body'",
    ),
    "timeout of a route without a unit": (
        "routes: {/raw: {service: a, timeout: ▶5}}", "routes./raw.timeout", "has a unit", "800ms",
    ),
    "timeout of a route of more than a day": (
        "routes: {/raw: {service: a, timeout: ▶25h}}", "routes./raw.timeout", "24h at most", "",
    ),
    "namespace with a blank": (
        "cache: {namespace: ▶a b}", "cache.namespace", "no namespace", "dashes",
    ),
    "namespace that is too long": (
        f"cache: {{namespace: ▶{'a' * 101}}}", "cache.namespace", "no namespace", "100 characters",
    ),
    "deadline over the cap": ("defaults: {deadline: ▶1m}", "defaults.deadline", "15s at most", ""),
    "deadline without a unit": ("defaults: {deadline: ▶5}", "defaults.deadline", "has a unit", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_mistake_in_the_gateway_file_is_told_at_its_place(case: str) -> None:
    marked, path, what, mend = CASES[case]
    text, line, column = without_mark(marked)
    (problem,) = read_document("gateway.yaml", text.encode(), GatewayFile).problems
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.path == path
    assert what in problem.what
    assert mend in problem.mend


@pytest.mark.parametrize("text", ["", "# nothing to say\n", "{}\n", "---\n"])
def test_gateway_file_may_be_empty_and_takes_the_defaults(text: str) -> None:
    found = read_document("gateway.yaml", text.encode(), GatewayFile)
    assert found.document is not None
    declared = found.document.model
    assert (declared.defaults.deadline, declared.defaults.timeout) == (5.0, 2.0)
    assert declared.routes == {}
    assert declared.cors == CorsDecl()


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("1500B", 1500), ("64KiB", 65_536), ("10MiB", 10_485_760), ("1TiB", 2**40)],
)
def test_size_is_read_as_bytes(text: str, size: int) -> None:
    declared = f"routes: {{/raw: {{service: a, max_body: {text}}}}}"
    found = read_document("gateway.yaml", declared.encode(), GatewayFile)
    assert found.document is not None
    assert found.document.model.routes["/raw"].max_body == size


def test_routes_and_origins_are_read() -> None:
    text = "routes: {/raw/a: {service: a}, /: {service: b, strip: false}}\n"
    text += "cors: {origins: [https://a.example, http://localhost:5173, 'http://[::1]:81']}\n"
    found = read_document("gateway.yaml", text.encode(), GatewayFile)
    assert found.document is not None
    declared = found.document.model
    assert {key: (each.service, each.strip) for key, each in declared.routes.items()} == {
        "/raw/a": ("a", True),
        "/": ("b", False),
    }
    assert declared.cors.origins == (
        "https://a.example", "http://localhost:5173", "http://[::1]:81",
    )  # fmt: skip
