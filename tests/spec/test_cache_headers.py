"""What replies with a cached payload tell clients and proxies, and their content codings."""

import gzip

import brotli
import pytest
import zstandard

from tests.support.cache.answers import cache_facts, directives, is_hit, ttl_of
from tests.support.gateway.screens import Screen, Screens, product, user, value_reply
from tests.support.identity.callers import ByName, bearer

USER = "endpoint: GET /screen\nsteps: {user: {call: shop.get_user, with: {id: 1}}}\n"
SHARED = USER + "cache: {ttl: 5m}\n"
PUBLIC = USER + "cache: {ttl: 5m, stale: 20s, stale_if_error: 2m, scope: public}\n"
OWN = USER.replace("id: 1", "id: '${claims.id}'") + "cache: {ttl: 5m}\n"
BEST = """
    endpoint: GET /screen
    steps: {best: {call: shop.list_bestsellers}}
    response: ${best}
    views: {ids: ['id'], titles: {response: '${best[].title}'}}
    cache: {ttl: 5m}
    """
MANY = {"/bestsellers": value_reply([product(n, f"Hat number {n}") for n in range(100)])}

DECODERS = {
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "gzip": gzip.decompress,
}


def test_public_payload_tells_browsers_and_proxies_how_long_to_keep_it(screens: Screens) -> None:
    screen = screens(PUBLIC, {"/users/1": user()})
    for answer in (screen.get(), screen.get()):
        told = directives(answer)
        assert told.keys() == {"public", "max-age", "stale-while-revalidate", "stale-if-error"}
        assert 270 <= (told["max-age"] or 0) <= 300
        assert (told["stale-while-revalidate"], told["stale-if-error"]) == (20, 120)
    tag = answer.header("etag") or ""
    assert directives(screen.get(if_none_match=tag)) == told


def test_public_payload_without_windows_tells_its_time_alone(screens: Screens) -> None:
    windows = "stale: 20s, stale_if_error: 2m"
    screen = screens(PUBLIC.replace(windows, "stale: 0s, stale_if_error: 0s"), {"/users/1": user()})
    assert directives(screen.get()).keys() == {"public", "max-age"}


@pytest.mark.parametrize("composition", [SHARED, OWN, USER], ids=["shared", "own", "uncached"])
def test_what_is_not_declared_public_is_private_and_asked_for_again(
    screens: Screens, composition: str
) -> None:
    screen = screens(composition, {"/users/1": user()}, identity=ByName())
    for _ in range(2):
        answer = screen.get(**bearer("ann"))
        assert answer.status == 200
        assert answer.header("cache-control") == "private, no-cache"


def test_vary_names_all_that_chooses_the_reply(screens: Screens) -> None:
    tenant = """
        endpoint: GET /tenant
        params: {X-Tenant: {in: header, type: string, required: false}}
        steps: {look: {call: shop.look, with: {X-Tenant: '${params."X-Tenant"}'}}}
        cache: {ttl: 5m}
        """
    language = """
        endpoint: GET /language
        params: {Accept-Language: {in: header, type: string, required: false}}
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        response: {asked: '${params."Accept-Language"}', user: "${user}"}
        cache: {ttl: 5m}
        """
    screen = screens(
        {
            "own": OWN.replace("/screen", "/own"),
            "language": language,
            "shared": SHARED.replace("/screen", "/shared"),
            "plain": USER.replace("/screen", "/plain"),
            "tenant": tenant,
        },
        {"/users/1": user(), "/look": value_reply({})},
        identity=ByName(),
    )
    varies = {
        "/plain": {"accept-encoding"},
        "/shared": {"accept-encoding"},
        "/tenant": {"accept-encoding", "x-tenant", "authorization"},  # it says who is calling
        "/language": {"accept-encoding", "accept-language"},
        "/own": {"accept-encoding", "authorization"},
    }
    for target, names in varies.items():
        for _ in range(2):
            told = (screen.get(target, **bearer("ann")).header("vary") or "").lower()
            assert {name.strip() for name in told.split(",")} >= names, target
            assert "authorization" in names or "authorization" not in told


def test_age_and_the_time_that_is_left_come_with_a_hit(screens: Screens) -> None:
    screen = screens(SHARED, {"/users/1": user()})
    first, second = screen.get(), screen.get()
    assert first.header("age") in (None, "0")
    assert cache_facts(first).keys() == {"fwd", "stored", "ttl"}
    assert cache_facts(second).keys() == {"hit", "ttl"}
    assert int(second.header("age") or -1) + ttl_of(second) in range(269, 301)


@pytest.fixture
def best(screens: Screens) -> Screen:
    return screens(BEST, MANY)


@pytest.mark.parametrize("coding", DECODERS)
def test_each_coding_has_the_same_payload_under_a_tag_of_its_own(best: Screen, coding: str) -> None:
    plain = best.get()
    assert plain.header("content-encoding") is None
    for _ in range(2):
        coded = best.get(accept_encoding=coding)
        assert coded.header("content-encoding") == coding
        assert coded.header("content-type") == plain.header("content-type")
        assert DECODERS[coding](coded.body) == plain.body
        assert len(coded.body) < len(plain.body) / 2
        assert coded.header("etag") != plain.header("etag")
        assert is_hit(coded)
    again = best.get(accept_encoding=coding)
    assert (again.body, again.header("etag")) == (coded.body, coded.header("etag"))
    assert len(best.calls()) == 1


@pytest.mark.parametrize("coding", ["identity", *DECODERS])
def test_tag_of_a_coding_is_known_again_in_that_coding_alone(best: Screen, coding: str) -> None:
    tags = {name: best.get(accept_encoding=name).header("etag") or "" for name in DECODERS}
    tags["identity"] = best.get().header("etag") or ""
    for name, tag in tags.items():
        answer = best.get(accept_encoding=coding, if_none_match=tag)
        assert answer.status == (304 if name == coding else 200)
        assert answer.header("etag") == tags[coding]
        if answer.status == 304:
            assert answer.body == b""
            assert answer.header("content-encoding") is None
            assert "accept-encoding" in (answer.header("vary") or "")


@pytest.mark.parametrize("coding", ["identity", *DECODERS])
def test_head_tells_what_get_would(best: Screen, coding: str) -> None:
    asked = [("Accept-Encoding", coding)]
    best.request("GET", "/screen", asked)
    got, told = best.request("GET", "/screen", asked), best.request("HEAD", "/screen", asked)
    assert told.body == b""
    for name in ("content-length", "content-encoding", "etag", "vary", "cache-control"):
        assert told.header(name) == got.header(name), name
    assert told.header("content-length") == str(len(got.body))


def test_first_reply_is_in_the_clients_coding_already(best: Screen) -> None:
    answer = best.get(accept_encoding="gzip, br")
    assert answer.header("content-encoding") == "br"
    assert cache_facts(answer).keys() == {"fwd", "stored", "ttl"}


@pytest.mark.parametrize("codings", [("x", "gzip"), ("gzip", "x")])
def test_codings_may_come_in_several_lines(best: Screen, codings: tuple[str, str]) -> None:
    answer = best.request("GET", headers=[("Accept-Encoding", coding) for coding in codings])
    assert answer.header("content-encoding") == "gzip"
    assert gzip.decompress(answer.body) == best.get().body


def test_small_payload_is_not_coded(screens: Screens) -> None:
    screen = screens(SHARED, {"/users/1": user()})
    plain = screen.get()
    for coding in DECODERS:
        answer = screen.get(accept_encoding=coding)
        assert answer.header("content-encoding") is None
        assert (answer.body, answer.header("etag")) == (plain.body, plain.header("etag"))


def test_every_view_in_every_coding_comes_of_one_stored_payload(best: Screen) -> None:
    bodies = {}
    for coding in ("br", "gzip", "identity", "zstd"):
        for view in ("", "?view=ids", "?view=titles"):
            answer = best.get(f"/screen{view}", accept_encoding=coding)
            decode = DECODERS.get(answer.header("content-encoding") or "", bytes)
            bodies.setdefault(view, set()).add(decode(answer.body))
    assert [len(each) for each in bodies.values()] == [1, 1, 1]
    assert len({body for each in bodies.values() for body in each}) == 3
    assert len(best.calls()) == 1
