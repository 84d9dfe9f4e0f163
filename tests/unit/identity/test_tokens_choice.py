"""Bearer tokens of a project with `jwt` and `introspection`: whom each goes to, and nobody else."""

import asyncio
import base64
import json

import pytest

from bff.identity.ports import CallerRequest, Claims, Refusal
from bff.identity.tokens import Tokens
from bff.web.http.requests import GatewayRequest

ASKED = "https://asked.example"
NO = Refusal(401, "invalid_token", "no")


class Refusing:
    """Refuses every token, and notes it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.is_open = False

    def authenticate(self, credential: str, request: CallerRequest) -> Claims | Refusal:
        self.got.append(credential)
        return NO

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


def part(members: object) -> str:
    text = members if isinstance(members, str) else json.dumps(members)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signed(payload: object, header: object = {"alg": "RS256"}) -> str:
    return f"{part(header)}.{part(payload)}.{part('signature')}"


BY_JWT = {
    "an issuer": signed({"iss": "https://id.example"}),
    "an unknown issuer": signed({"iss": f"{ASKED}/"}),
    "no issuer": signed({}),
    "an issuer that is a list": signed({"iss": [ASKED]}),
    "two issuers": signed(f'{{"iss":"x","iss":"{ASKED}"}}'),
    "no JSON": signed("iss"),
    "a header that brings a key": signed({"iss": ASKED}, {"alg": "RS256", "jwk": {}}),
    "no signature": signed({"iss": ASKED}).rpartition(".")[0] + ".",
    "two dots alone": "..",
}
BY_INTROSPECTION = {
    "an opaque token": "t0ken",
    "one with a dot": "a.b",
    "one with many": signed({"iss": "https://id.example"}) + ".x.y",
    "a JWT of the server that is asked": signed({"iss": ASKED}),
}


@pytest.mark.parametrize("case", [*BY_JWT, *BY_INTROSPECTION])
def test_token_goes_to_one_of_them_and_is_tried_nowhere_else(case: str) -> None:
    jwt, introspection = Refusing(), Refusing()
    token = (BY_JWT | BY_INTROSPECTION)[case]
    tokens = Tokens(jwt, introspection, ASKED)
    assert tokens.authenticate(token, GatewayRequest("GET", "/", "", ())) == NO
    chosen, other = (jwt, introspection) if case in BY_JWT else (introspection, jwt)
    assert (chosen.got, other.got) == ([token], [])


def test_both_are_opened_and_closed() -> None:
    async def test() -> None:
        jwt, introspection = Refusing(), Refusing()
        tokens = Tokens(jwt, introspection, ASKED)
        await tokens.open()
        assert (jwt.is_open, introspection.is_open) == (True, True)
        await tokens.close()
        assert (jwt.is_open, introspection.is_open) == (False, False)

    asyncio.run(test())
