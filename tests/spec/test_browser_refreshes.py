"""Tokens of browsers' sessions, over every host: renewed once for all calls, and never lost."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from bff.telemetry.metrics.definitions.limits import ACTIONS
from tests.support.gateway.hosts import HOSTS
from tests.support.identity.browsers import CSRF, Browser, Served, serving_sessions
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer
from tests.support.telemetry.counted import counted, moved

ENDED_SECONDS = 0.001  # a token that has ended before its login has


@pytest.fixture
def ended(served: Served, browser: Browser) -> Browser:
    """A browser whose access token has ended; the next one is good for long."""
    served.issuer.access_seconds = ENDED_SECONDS
    browser.log_in()
    served.issuer.access_seconds = 300
    return browser


def tokens_at(served: Served) -> list[str | None]:
    """The tokens that the service got so far."""
    return [each.header("authorization") for each in served.upstream.requests]


def eventually(is_so: Callable[[], bool]) -> None:
    gives_up_at = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < gives_up_at
        time.sleep(0.005)


def test_service_gets_a_good_token_and_never_the_cookie(served: Served, ended: Browser) -> None:
    before = len(tokens_at(served))
    metrics = served.host.app.extensions["bff"].core.metrics
    actions = counted(metrics, ACTIONS)
    assert [ended.get("/relayed").status for _ in range(2)] == [200, 200]
    first, second = tokens_at(served)[before:]
    assert first == second
    assert first is not None
    assert first.startswith("Bearer ")
    assert served.issuer.refreshes == 1
    refreshed = moved(actions, counted(metrics, ACTIONS))
    assert refreshed == {f"{ACTIONS.name} action=refresh outcome=done": 1}


def test_client_that_leaves_amid_a_refresh_loses_nothing(served: Served, ended: Browser) -> None:
    gate = served.issuer.token_gate = threading.Event()
    with served.host.connect() as leaving:
        cookie = "; ".join(f"{name}={value}" for name, value in ended.cookies.items())
        leaving.request("GET", "/relayed", headers=dict([CSRF, ("Cookie", cookie)]))
        eventually(lambda: served.issuer.refreshes == 1)
    gate.set()
    assert ended.get("/relayed").status == 200
    assert served.issuer.refreshes == 1


def test_login_whose_client_leaves_gives_nobody_a_session(served: Served, browser: Browser) -> None:
    callback = browser.begin_login()
    gate = served.issuer.token_gate = threading.Event()
    with served.host.connect() as leaving:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        leaving.request("GET", callback, headers={"Cookie": cookie})
        eventually(lambda: len(served.issuer.token_requests) == 1)
    gate.set()
    served.issuer.token_gate = None
    again = browser.request("GET", callback)  # the code was used: its tokens are nobody's
    assert (again.status, browser.session_id) == (400, None)


def test_issuer_that_is_away_is_503_and_the_session_stays(served: Served, ended: Browser) -> None:
    served.issuer.answer_token_with = (503, b"")
    answer = ended.get("/mine")
    assert (answer.status, answer.json()["reason"]) == (503, "issuer_unavailable")
    assert answer.header("retry-after") == "5"
    served.issuer.answer_token_with = None
    served.redis.forget(b"lock:")  # else nobody tries again for a second, by Redis' own clock
    assert ended.get("/mine").status == 200


def test_session_that_the_issuer_has_ended_is_401(served: Served, ended: Browser) -> None:
    served.issuer.valid_refresh_tokens.clear()
    assert [ended.get("/mine").status for _ in range(2)] == [401, 401]
    assert served.issuer.refreshes == 1


@pytest.fixture
def workers(
    tmp_path_factory: pytest.TempPathFactory, shared_issuer: OidcIssuer
) -> Iterator[list[Served]]:
    """Two that share nothing but Redis."""
    shared_issuer.reset()
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        yield [
            stack.enter_context(
                serving_sessions(name, tmp_path_factory.mktemp(name), shared_issuer, redis)
            )
            for name in HOSTS[-2:]
        ]


def test_twenty_calls_in_two_workers_during_a_refresh_of_five_seconds_make_one_refresh(
    workers: list[Served],
) -> None:
    issuer = workers[0].issuer
    issuer.access_seconds = ENDED_SECONDS
    browsers = [Browser(served.host) for served in workers]
    browsers[0].log_in()
    browsers[1].cookies |= browsers[0].cookies
    issuer.access_seconds, issuer.token_delay_seconds = 300, 5.0
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda browser: browser.get("/relayed"), browsers * 10))
    assert [answer.status for answer in answers] == [200] * 20
    assert issuer.refreshes == 1
    assert len({token for served in workers for token in tokens_at(served)}) == 1
