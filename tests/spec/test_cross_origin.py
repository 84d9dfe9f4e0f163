"""Which pages may read what, in every host: by endpoint, with credentials, of refusals too."""

import pytest

from bff.identity.ports import CallerRequest, Identity, Refusal
from bff.settings import Settings
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.identity.callers import ByName

SHOP, ADMIN, EVIL = "https://shop.example", "https://admin.example", "https://evil.example"
TOKEN = "0123456789abcdef0123"

STEPS = "steps: {user: {call: shop.get_user, with: {id: 1}}}"
COMPOSITIONS = {
    "shop": f"{{endpoint: GET /shop, access: public, {STEPS}}}",
    "mine": f"""
        endpoint: GET /mine
        access: authenticated
        cors: {{credentials: true, max_age: 1m}}
        {STEPS}
        """,
    "closed": f"{{endpoint: GET /closed, access: public, cors: {{origins: []}}, {STEPS}}}",
    "change": f"""
        endpoint: POST /mine
        access: public
        cors: {{origins: ['{ADMIN}'], credentials: true}}
        {STEPS}
        """,
    "cached": f"""
        endpoint: GET /cached
        access: public
        cors: {{origins: ['{ADMIN}']}}
        cache: {{ttl: 1m}}
        {STEPS}
        """,
}
GATEWAY = f"""
cors: {{origins: ['{SHOP}']}}
routes:
  /raw: {{service: shop, access: public}}
  /raw/admin: {{service: shop, access: public, cors: {{origins: ['{ADMIN}'], credentials: true}}}}
"""


class Scripted(ByName):
    """Refuses a caller with the status that it asks for; 500 is a bug."""

    def identify(self, request: CallerRequest) -> Identity | Refusal:
        (wanted,) = request.header_values("x-wanted") or [""]
        if wanted == "500":
            raise ZeroDivisionError
        return (
            Refusal(int(wanted), "asked_for", "Refused.") if wanted else super().identify(request)
        )

    headers = ("authorization", "x-wanted")


@pytest.fixture
def provider() -> Scripted:
    return Scripted()


@pytest.fixture
def screen(screens: Screens, provider: Scripted) -> Screen:
    settings = Settings(log_level="error", admin_token=TOKEN)
    return screens(
        COMPOSITIONS,
        {"/users/1": user(), "/x": user(), "/admin/x": user()},
        gateway=GATEWAY,
        identity=provider,
        settings=settings,
    )


def readers(answer: Answer) -> tuple[str | None, str | None]:
    """Which origin may read an answer, and whether with credentials."""
    names = ("access-control-allow-origin", "access-control-allow-credentials")
    origin, credentials = map(answer.header, names)
    return origin, credentials


def varies_by_origin(answer: Answer) -> bool:
    return "origin" in (answer.header("vary") or "").lower().split(", ")


READERS = {
    # (method, target): who may read the reply, and whether with credentials
    ("GET", "/shop"): (SHOP, None),
    ("GET", "/mine"): (SHOP, "true"),
    ("GET", "/closed"): (None, None),
    ("POST", "/mine"): (ADMIN, "true"),
    ("GET", "/cached"): (ADMIN, None),
    ("GET", "/raw/x"): (SHOP, None),
    ("GET", "/raw/admin/x"): (ADMIN, "true"),
    ("GET", "/nowhere"): (SHOP, None),
    ("PUT", "/shop"): (SHOP, None),
    ("GET", "/healthz"): (None, None),
    ("POST", "/admin/purge"): (None, None),
}


def test_page_reads_what_its_endpoint_lets_it_read_and_no_other_page_does(screen: Screen) -> None:
    for (method, target), expected in READERS.items():
        for origin in (SHOP, ADMIN, EVIL, "null", SHOP.upper(), f"{SHOP}.evil.example", "*"):
            for _ in range(2):  # the second by the line that is remembered, or from memory
                answer = screen.request(method, target, [("Origin", origin)])
                allowed = expected if origin == expected[0] else (None, None)
                assert readers(answer) == allowed, (method, target, origin)
                assert varies_by_origin(answer) == (expected[0] is not None), (method, target)


def preflight(screen: Screen, target: str, origin: str, method: str = "GET") -> Answer:
    asked = [("Origin", origin), ("Access-Control-Request-Method", method)]
    return screen.request("OPTIONS", target, asked)


def test_preflight_costs_no_identity_and_is_kept_as_long_as_the_endpoint_says(
    screen: Screen, provider: Scripted
) -> None:
    answer = preflight(screen, "/mine", SHOP)
    assert (answer.status, readers(answer)) == (204, (SHOP, "true"))
    assert answer.header("access-control-max-age") == "60"
    assert answer.header("access-control-allow-methods") == "GET, HEAD"
    assert varies_by_origin(answer)
    for target in ("/raw/x", "/raw/admin/x", "/shop", "/cached"):
        assert preflight(screen, target, READERS["GET", target][0] or "").status == 204
    assert (provider.asked, screen.calls()) == (0, [])


def test_preflight_grants_only_methods_whose_endpoint_grants_the_page(screen: Screen) -> None:
    allowed = "access-control-allow-methods"
    assert preflight(screen, "/mine", ADMIN, "POST").header(allowed) == "POST"
    for origin, method in ((ADMIN, "GET"), (SHOP, "POST"), (EVIL, "GET"), (EVIL, "POST")):
        answer = preflight(screen, "/mine", origin, method)
        assert (readers(answer), answer.header(allowed)) == ((None, None), None), (origin, method)


def test_preflight_of_what_no_other_page_may_read_is_an_options_like_any_other(
    screen: Screen,
) -> None:
    answer = preflight(screen, "/closed", SHOP)
    assert readers(answer) == (None, None)
    assert answer.header("access-control-allow-methods") is None


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
def test_page_reads_why_it_is_refused(screen: Screen, status: int) -> None:
    headers = [("Origin", SHOP), ("X-Wanted", str(status))]
    answer = screen.request("GET", "/mine", headers)
    assert (answer.status, readers(answer)) == (status, (SHOP, "true"))
    assert varies_by_origin(answer)
    foreign = screen.request("GET", "/mine", [("Origin", EVIL), *headers[1:]])
    assert (foreign.status, readers(foreign)) == (status, (None, None))


def test_page_reads_what_services_fail_with(screen: Screen) -> None:
    screen.upstream.script = {}
    for target, origin in (("/shop", SHOP), ("/raw/admin/x", ADMIN)):
        answer = screen.request("GET", target, [("Origin", origin)])
        assert answer.status >= 404
        assert readers(answer)[0] == origin
