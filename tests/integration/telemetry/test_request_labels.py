"""By which words requests are counted, in every host: the project's, and none of a client's."""

import http.client

import pytest

from bff.telemetry.metrics.definitions.limits import ACTIONS
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from tests.support.gateway.hosts import LOOP_HOSTS, Host
from tests.support.identity.callers import bearer
from tests.support.telemetry.counted import counted, moved
from tests.support.telemetry.counted_shop import OURS, TOKEN, Shop, asked


@pytest.mark.parametrize(
    ("target", "status", "error"),
    [("/raw/x", 200, ""), ("/raw/teapot", 418, ""), ("/raw/none", 502, "")],
)
def test_route_counts_what_its_service_answers(
    shop: Shop, target: str, status: int, error: str
) -> None:
    with shop.moves(asked("/raw/*", status, error=error)):
        shop.host.get(target)


def test_reply_that_breaks_off_is_an_error_with_the_status_that_was_sent(shop: Shop) -> None:
    broke_off = asked("/raw/*", 200, error="upstream_broke_off")
    with shop.moves(broke_off), pytest.raises((http.client.HTTPException, OSError)):
        shop.host.get("/raw/half")


def test_place_of_nobody_is_counted_without_its_path(shop: Shop) -> None:
    for path in ("/nowhere", "/nobody/knows"):
        with shop.moves(asked("", 404)):
            shop.host.get(path)


def test_gateways_own_endpoints_and_the_app_behind_have_different_labels(shop: Shop) -> None:
    with shop.moves(asked("/metrics", 200, kind="own")):
        shop.host.get("/metrics", **bearer(TOKEN))
    behind = shop.host.name in LOOP_HOSTS
    with shop.moves(*[asked("", 200, kind="app")] if behind else []):
        shop.host.get("/healthz")


def test_purges_are_counted_by_what_came_of_them(shop: Shop) -> None:
    def purge(token: str) -> int:
        sent = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        return shop.host.request("POST", "/admin/purge", sent, b'{"tags": ["a"]}').status

    before = counted(shop.metrics, ACTIONS)
    assert [purge(TOKEN), purge("wrong")] == [200, 401]
    assert moved(before, counted(shop.metrics, ACTIONS)) == {
        f"{ACTIONS.name} action=purge outcome=done": 1,
        f"{ACTIONS.name} action=purge outcome=no_token": 1,
    }


def hostile(host: Host, word: str) -> None:
    """Requests with a word of a client's own wherever one may stand."""
    hexa = word.encode().hex().ljust(32, "0")[:32]
    lines = [
        (word.upper(), "/cached/1"), ("GET", f"/{word}"), ("GET", f"/cached/{word}"),
        ("GET", f"/cached/1?view={word}"), ("GET", f"/cached/1?{word}={word}"),
        ("GET", f"/some?fields={word}"), ("GET", f"/some?fields=user({word})"),
        ("OPTIONS", f"/raw/{word}"), ("GET", f"/raw/{word}"), ("GET", f"/bff/{word}"),
        ("POST", f"/metrics/{word}"), ("GET", "/cached/1"), ("GET", "/members"),
        ("GET", "/metrics"),
    ]  # fmt: skip
    for method, target in lines:
        for name, value in [
            ("Host", f"{word}.example"), ("Authorization", f"Bearer {word}"), ("Cookie", word),
            ("traceparent", f"00-{hexa}-{hexa[:16]}-01"), ("tracestate", f"{word}={word}"),
            ("X-Request-Id", word), ("X-Forwarded-Proto", word), ("Origin", f"https://{word}"),
            ("Accept", f"{word}/{word}"), ("User-Agent", word),
        ]:  # fmt: skip
            with host.connect() as connection:
                connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
                if name != "Host":
                    connection.putheader("Host", "here")
                connection.putheader(name, value)
                connection.endheaders()
                connection.getresponse().read()


def test_no_word_of_a_clients_is_in_a_label_and_none_makes_a_series(shop: Shop) -> None:
    """Of no metric, whoever counts it."""
    hostile(shop.host, "qzwa")
    known = set(counted(shop.metrics, *OURS))
    for number in range(3):
        hostile(shop.host, f"qzw{number}")
    assert set(counted(shop.metrics, *OURS)) == known
    everything = counted(shop.metrics, *DEFINITIONS)
    assert not [name for name in everything if "qzw" in name.lower()]
    assert any("method=_OTHER" in name for name in known)
