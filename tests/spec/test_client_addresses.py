"""Who sent a request, as services, the log and audit lines learn it, in every host."""

import pytest

from bff.settings import Settings
from tests.support.gateway.screens import Screen, Screens
from tests.support.telemetry.log_lines import of, written
from tests.support.upstream.wire_scripts import reply

SCREEN = (
    "{endpoint: GET /screen, access: public, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
)
ROUTES = "routes: {/raw: {service: shop, access: public}}\n"
TRUSTED = f"{ROUTES}trusted_proxies: {{addresses: [127.0.0.0/8], hops: 1}}\n"
FOREIGN = f"{ROUTES}trusted_proxies: {{addresses: [10.0.0.0/8, unix], hops: 1}}\n"
FORWARDED = [
    ("X-Forwarded-For", "1.1.1.1, 203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "shop.example"),
    ("X-Forwarded-Port", "444"),
    ("X-Real-IP", "1.1.1.1"),
]
TOKEN = "0123456789abcdef0123"


def told(screen: Screen) -> dict[str, str | None]:
    """What the service learned of the last request's sender."""
    request = screen.upstream.requests[-1]
    names = ("for", "proto", "host", "port")
    found = {name: request.header(f"x-forwarded-{name}") for name in names}
    return {**found, "forwarded": request.header("forwarded"), "ip": request.header("x-real-ip")}


def test_service_learns_the_client_that_a_trusted_proxy_reports(screens: Screens) -> None:
    screen = screens(SCREEN, reply(200), gateway=TRUSTED)
    screen.request("GET", "/raw/x", FORWARDED)
    assert told(screen) == {
        "for": "203.0.113.7", "proto": "https", "host": "shop.example",
        "port": None, "forwarded": None, "ip": None,
    }  # fmt: skip
    screen.request("GET", "/raw/x", [("Forwarded", 'for="[2001:db8::1]";proto=https')])
    assert (told(screen)["for"], told(screen)["proto"]) == ("2001:db8::1", "https")


@pytest.mark.parametrize("gateway", [ROUTES, FOREIGN])
def test_word_of_others_reaches_no_service(screens: Screens, gateway: str) -> None:
    screen = screens(SCREEN, reply(200), gateway=gateway)
    own = f"127.0.0.1:{screen.host.port}"
    for headers in (FORWARDED, [("Forwarded", "for=1.1.1.1;proto=https;host=shop.example")]):
        screen.request("GET", "/raw/x", headers)
        assert told(screen) == {
            "for": "127.0.0.1", "proto": "http", "host": own,
            "port": None, "forwarded": None, "ip": None,
        }  # fmt: skip


@pytest.mark.parametrize(("gateway", "client"), [(TRUSTED, "203.0.113.7"), (ROUTES, "127.0.0.1")])
def test_log_and_audit_lines_name_the_client(
    screens: Screens, gateway: str, client: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    settings = Settings(admin_token=TOKEN)
    screen = screens(SCREEN, reply(200), gateway=gateway, settings=settings)
    for method, target in (("GET", "/raw/x"), ("GET", "/none"), ("POST", "/admin/purge")):
        screen.request(method, target, FORWARDED)
    screen.host.app.extensions["bff"].core.log.flush()
    lines = written(capfdbinary)
    assert {line["client.ip"] for line in of("access", lines)} == {client}
    assert [line["client.ip"] for line in of("audit", lines)] == [client]
