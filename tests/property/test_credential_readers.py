"""What a request brings, of all kinds of credentials: one goes to its authenticator as it came, two
are refused before anybody sees them, and no bytes break anything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bff.identity.api_keys.authenticator import ApiKeys
from bff.identity.api_keys.stores import FileStore
from bff.identity.ports import NOBODY, CallerRequest, Claims, Identity, Refusal
from bff.identity.provider import (
    BearerToken,
    ConfiguredProvider,
    CredentialKindReader,
    KeyHeader,
)
from bff.identity.sessions.cookies import SESSION_COOKIE, SessionCookie
from bff.plan.model.identity import NO_IDENTITY
from bff.web.http.requests import GatewayRequest

Line = tuple[bytes, bytes]
Brought = tuple[str, str]  # a kind, and the credential


class Noting:
    """Takes every credential, and notes it."""

    def __init__(self, kind: str, got: list[Brought]) -> None:
        self._kind = kind
        self._got = got

    def authenticate(self, credential: str, request: CallerRequest) -> Claims:
        self._got.append((self._kind, credential))
        return Claims("token", {}, credential or "empty")

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


def identify(lines: Sequence[Line]) -> tuple[Any, list[Brought]]:
    """What a provider of all kinds makes of a request, and what its authenticators got."""
    got: list[Brought] = []
    kinds = [
        CredentialKindReader(BearerToken(), Noting("token", got)),
        CredentialKindReader(KeyHeader("x-api-key"), Noting("api_key", got)),
        CredentialKindReader(SessionCookie(), Noting("session", got)),
    ]
    request = GatewayRequest("GET", "/", "", list(lines))
    return ConfiguredProvider(NO_IDENTITY, kinds).identify(request), got


def joined(lines: Sequence[Line]) -> list[Line]:
    """The lines as a WSGI server has them: of each name one."""
    found: dict[bytes, bytes] = {}
    for name, value in lines:
        separator = b"; " if name == b"cookie" else b","
        found[name] = found[name] + separator + value if name in found else value
    return list(found.items())


# Credentials, each with the lines that bring it; and lines that bring none.
WORDS = st.text("abcXYZ019-_.~+/=", min_size=1, max_size=12)
BEARER = st.sampled_from(["Bearer", "bearer", "BEARER", "bEaReR"])
BLANKS = st.sampled_from([" ", "  ", "   "])


@st.composite
def tokens(draw: st.DrawFn) -> tuple[Brought, Line]:
    token = draw(WORDS)
    return ("token", token), (
        b"authorization", f"{draw(BEARER)}{draw(BLANKS)}{token}".encode(),
    )  # fmt: skip


@st.composite
def keys(draw: st.DrawFn) -> tuple[Brought, Line]:
    key = draw(WORDS)
    return ("api_key", key), (b"x-api-key", key.encode())


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Brought, Line]:
    session = draw(WORDS)
    pairs = draw(st.lists(st.sampled_from(["a=1", "b", f"x{SESSION_COOKIE}=2", "__Host-bff=3"])))
    pairs.insert(draw(st.integers(0, len(pairs))), f"{SESSION_COOKIE}={session}")
    return ("session", session), (
        b"cookie",
        draw(st.sampled_from([";", "; "])).join(pairs).encode(),
    )


CREDENTIALS = st.one_of(tokens(), keys(), sessions())
NO_CREDENTIALS = st.sampled_from([
    (b"cookie", b"a=1; b=2"),
    (b"cookie", f"{SESSION_COOKIE}-login=x".encode()),
    (b"cookie", f"{SESSION_COOKIE.lower()}=x".encode()),
    (b"x-apikey", b"key"),
    (b"x_api_key", b"key"),
    (b"proxy-authorization", b"Bearer t"),
    (b"x-authorization", b"Bearer t"),
    (b"accept", b"Bearer t"),
])  # fmt: skip
OTHER_SCHEMES = st.sampled_from([b"Basic YTpi", b"Bearer", b"Bearert x", b"DPoP t", b"", b"t"])


@given(CREDENTIALS, st.lists(NO_CREDENTIALS, max_size=4), st.randoms())
def test_the_one_credential_goes_as_it_came_to_the_authenticator_of_its_kind(
    credential: tuple[Brought, Line], others: list[Line], random: Any
) -> None:
    brought, line = credential
    lines = [line, *others]
    random.shuffle(lines)
    caller, got = identify(lines)
    assert got == [brought]
    assert isinstance(caller, Identity)
    assert caller.key


@given(st.lists(CREDENTIALS, min_size=2, max_size=4), st.lists(NO_CREDENTIALS), st.randoms())
def test_two_credentials_are_refused_before_anybody_sees_either(
    credentials: list[tuple[Brought, Line]], others: list[Line], random: Any
) -> None:
    lines = [*(line for _, line in credentials), *others]
    random.shuffle(lines)
    for each in (lines, joined(lines)):
        refusal, got = identify(each)
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.reason) == (400, "invalid_request")
        assert got == []


@given(st.lists(NO_CREDENTIALS), st.none() | OTHER_SCHEMES)
def test_what_is_no_credential_of_the_gateways_is_nobodys(
    others: list[Line], scheme: bytes | None
) -> None:
    lines = [*others, *([(b"authorization", scheme)] if scheme is not None else [])]
    caller, got = identify(lines)
    if scheme == b"Bearer":  # an empty token
        assert got == [("token", "")]
    else:
        assert (caller, got) == (NOBODY, [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"x-api-key", b"cookie", b"host"]),
            st.one_of(
                st.binary(max_size=40),
                st.binary(max_size=20).map(b"Bearer ".__add__),
                st.binary(max_size=20).map(f"{SESSION_COOKIE}=".encode().__add__),
            ),
        ),
        max_size=5,
    )
)
def test_no_bytes_break_it_and_one_authenticator_at_most_is_asked_once(lines: list[Line]) -> None:
    caller, got = identify(lines)
    assert isinstance(caller, Identity | Refusal)
    assert len(got) <= 1
    assert (caller == NOBODY or isinstance(caller, Refusal)) == (not got)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda each: each.decode("latin-1")))
def test_no_text_but_a_key_is_a_key(credential: str) -> None:
    keys = ApiKeys(FileStore(Path("nowhere")), lambda: 0.0, lambda: 0.0)
    refusal = keys.authenticate(credential, GatewayRequest("GET", "/", "", []))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
