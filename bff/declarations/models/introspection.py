"""`identity.introspection` of `gateway.yaml`: who is asked about opaque tokens (RFC 7662)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.environment.filling import LOST
from bff.declarations.models.addresses import IssuerUrl
from bff.declarations.models.auth import SecretText, SentText
from bff.declarations.models.forms import AnswerLifetime

ANY_AUDIENCE = "any"


def _check_audience(value: Any) -> tuple[str, ...] | Literal["any"]:
    """A list of names, or the word `any`."""
    if value is LOST or (isinstance(value, list) and LOST in value):
        raise refusal()
    if value == ANY_AUDIENCE:
        return "any"
    if not isinstance(value, list) or not value:
        mend = "Write [shop]; or `any`, where the server's active tokens are all for the gateway."
        raise refusal(Violation("this is no list of audiences", mend))
    for index, each in enumerate(value):
        if not isinstance(each, str) or not each:
            raise refusal(Violation("this is no audience", "Write a text.", (index,)))
    return tuple(value)


class IntrospectionDecl(Declaration):
    """The authorization server that knows whether a token is active, its endpoint, and the
    gateway's own credentials there."""

    issuer: IssuerUrl
    url: IssuerUrl | None = None
    discovery: bool = False
    client_id: SentText
    client_secret: SecretText
    audience: Annotated[tuple[str, ...] | Literal["any"], PlainValidator(_check_audience)]
    cache: AnswerLifetime = 10.0

    def violations(self) -> Iterator[Violation]:
        if not self.knows("url", "discovery"):
            return
        if self.url is not None and self.discovery:
            yield Violation("the endpoint has one source", "Keep one.", ("discovery",), True)
        elif self.url is None and not self.discovery and not self.errors:
            yield Violation(
                "says nowhere where to ask",
                "Write `url: https://id.example/introspect`, or `discovery: true`.",
                at_key=True,
            )
