"""`identity.jwt` of `gateway.yaml`: the issuers whose tokens are taken (RFC 7519, RFC 8725)."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.addresses import Url
from bff.declarations.models.auth import SecretText
from bff.declarations.models.forms import TOKEN, FromList, Window
from bff.declarations.suggestions import known_names
from bff.secret import UnreadSecret

# Of each algorithm of HMAC, the bytes that a secret has at least (RFC 7518 §3.2).
SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    *SECRET_BYTES,
)  # fmt: skip
LONGEST_LEEWAY_SECONDS: Final = 300.0
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_NAME: Final = 500  # characters
_NAME: Final = re.compile(rf"[\x21-\x7e]{{1,{_LONGEST_NAME}}}")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise refusal(
            Violation(
                "this is no issuer that a token can name",
                "Write the `iss` of its tokens, to the character: https://id.example.",
            )
        )
    return name


def _check_audience(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise refusal(
            Violation(
                "names no audience",
                "Write the `aud` of tokens that are meant for this gateway: [shop].",
            )
        )
    for index, name in enumerate(names):
        if not name:
            raise refusal(Violation("is empty", "Write an `aud` of tokens.", (index,)))
    return names


def _check_algorithms(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise refusal(Violation("names no algorithm", "Write what the issuer signs with: [RS256]."))
    for index, name in enumerate(names):
        if name.strip().lower() == "none":
            raise refusal(
                Violation(
                    f"'{name}' would take tokens that nobody has signed",
                    "Write what the issuer signs with: RS256.",
                    (index,),
                )
            )
        if name not in ALGORITHMS:
            mend = f"{known_names(name, ALGORITHMS)} The case counts."
            raise refusal(Violation(f"'{name}' is no algorithm", mend, (index,)))
        if name in names[:index]:
            raise refusal(Violation(f"'{name}' stands twice", "Keep one.", (index,)))
    return names


def _check_leeway(seconds: float) -> float:
    if seconds > LONGEST_LEEWAY_SECONDS:
        raise refusal(
            Violation("a leeway is 5m at most", "It is for clocks that differ by seconds.")
        )
    return seconds


def _check_type(name: str) -> str:
    kind = name.lower().removeprefix("application/")
    if not all(TOKEN.fullmatch(part) for part in kind.split("/")):
        raise refusal(Violation("this is no typ", "Write it as the tokens' header does: at+jwt."))
    return kind


def check_keys_url(url: str) -> Iterator[Violation]:
    """What is wrong with an address from which trust comes."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK_HOSTS:
        yield Violation(
            "plain http would let anybody on the way put in keys of their own",
            "Write https://…; http is for this machine alone: http://127.0.0.1:9000/jwks.json.",
        )


def _check_keys(url: str) -> str:
    if found := tuple(check_keys_url(url)):
        raise refusal(*found)
    return url


def _check_discovery(value: object) -> object:
    if value is not True:
        raise refusal(
            Violation(
                "discovery is true, or left out",
                "Write discovery: true, where the issuer's metadata names its keys.",
            )
        )
    return value


class JwtIssuerDecl(Declaration):
    """An issuer, and what its tokens must be like."""

    issuer: Annotated[str, AfterValidator(_check_name)]
    audience: Annotated[tuple[str, ...], FromList, AfterValidator(_check_audience)]
    algorithms: Annotated[tuple[str, ...], FromList, AfterValidator(_check_algorithms)]
    keys: Annotated[Url, AfterValidator(_check_keys)] | None = None
    discovery: Annotated[Literal[True], BeforeValidator(_check_discovery)] | None = None
    secret: SecretText | None = None
    leeway: Annotated[Window, AfterValidator(_check_leeway)] = 30.0
    typ: Annotated[str, AfterValidator(_check_type)] | None = None

    def violations(self) -> Iterator[Violation]:
        sources = [key for key in ("keys", "discovery", "secret") if key in self.model_fields_set]
        if len(sources) > 1:
            yield Violation(
                f"{' and '.join(sources)} are several sources of keys", "Keep one.",
                (sources[1],), at_key=True,
            )  # fmt: skip
        elif not sources and not self.errors:
            yield Violation(
                "names no source of keys",
                "Write keys: the address of the key set; or discovery: true, or a secret.",
            )
        elif sources and self.knows("algorithms", *sources):
            yield from self._check_algorithms_of(sources[0])
        if self.discovery and self.knows("issuer", "discovery"):
            yield from self._check_discovered()

    def _check_algorithms_of(self, source: str) -> Iterator[Violation]:
        for index, name in enumerate(self.algorithms):
            at = ("algorithms", index)
            if source != "secret" and name in SECRET_BYTES:
                yield Violation(
                    f"{name} is made with a shared secret, and these keys are published",
                    'Write what the issuer signs with: RS256; or secret: "${secret.NAME}".', at,
                )  # fmt: skip
            elif source == "secret" and name not in SECRET_BYTES:
                yield Violation(
                    f"{name} is verified with a public key, and this is a secret",
                    "Write HS256; or the address of the issuer's keys instead of the secret.", at,
                )  # fmt: skip
        if source == "secret" and all(name in SECRET_BYTES for name in self.algorithms):
            yield from self._check_secret()

    def _check_secret(self) -> Iterator[Violation]:
        if len(self.algorithms) > 1:
            yield Violation("one key has one algorithm", "Keep one.", ("algorithms", 1))
            return
        (name,) = self.algorithms
        least = SECRET_BYTES[name]
        secret = self.secret
        if secret is None or isinstance(secret, UnreadSecret):
            return
        if len(secret.reveal().encode("utf-8", "surrogateescape")) < least:
            yield Violation(
                f"the secret has fewer than the {least} bytes that {name} takes",
                f"Make one: openssl rand -base64 {least}.", ("secret",),
            )  # fmt: skip

    def _check_discovered(self) -> Iterator[Violation]:
        parts = urlsplit(self.issuer)
        if parts.scheme not in ("http", "https") or not parts.hostname or "?" in self.issuer:
            yield Violation(
                "an issuer without an address publishes no metadata",
                "Write keys: the address of its key set.", ("discovery",), at_key=True,
            )  # fmt: skip
        else:
            for each in check_keys_url(self.issuer):
                yield Violation(each.what, each.mend, ("issuer",))


def check_issuers(issuers: tuple[JwtIssuerDecl, ...]) -> Iterator[Violation]:
    """What is wrong between the entries of `jwt`; paths are from `identity`."""
    seen: set[str] = set()
    for index, each in enumerate(issuers):
        if not each.knows("issuer"):
            continue
        if each.issuer in seen:
            yield Violation(
                f"the issuer '{each.issuer}' stands twice",
                "Write one entry for it, with all its audiences and algorithms.",
                ("jwt", index, "issuer"),
            )
        seen.add(each.issuer)
