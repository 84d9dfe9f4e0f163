"""`identity.jwt`: issuers, and what their tokens must be like."""

from tests.unit.broken import Broken

_ISSUER = "issuer: https://id.example, "
_AUDIENCE = "audience: [shop], "
_ALGORITHMS = "algorithms: [RS256], "
_KEYS = "keys: https://id.example/jwks.json"
_HTTP = (
    "plain http would let anybody on the way put in keys of their own."
    " Write https://…; http is for this machine alone: http://127.0.0.1:9000/jwks.json."
)
_KNOWN = (
    "Known: ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384,"
    " RS512."
)
_SIGNS = "Write what the issuer signs with: RS256."
_PUBLISHED = (
    "HS256 is made with a shared secret, and these keys are published."
    ' Write what the issuer signs with: RS256; or secret: "${secret.NAME}".'
)


def _jwt(entry: str, message: str) -> Broken:
    at = "identity.jwt[0]"
    text = f"identity:\n  jwt:\n    - {{{entry}}}\n"
    return Broken("gateway.yaml", text, f"{at}{message}")


ROWS = {
    "no issuer that a token can name": _jwt(
        f"issuer: ▶'the issuer', {_AUDIENCE}{_ALGORITHMS}{_KEYS}",
        ".issuer: this is no issuer that a token can name."
        " Write the `iss` of its tokens, to the character: https://id.example.",
    ),
    "no audience": _jwt(
        f"{_ISSUER}audience: ▶[], {_ALGORITHMS}{_KEYS}",
        ".audience: names no audience."
        " Write the `aud` of tokens that are meant for this gateway: [shop].",
    ),
    "empty audience": _jwt(
        f"{_ISSUER}audience: [shop, ▶''], {_ALGORITHMS}{_KEYS}",
        ".audience[1]: is empty. Write an `aud` of tokens.",
    ),
    "no algorithm": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: ▶[], {_KEYS}",
        ".algorithms: names no algorithm. Write what the issuer signs with: [RS256].",
    ),
    "algorithm none": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [RS256, ▶none], {_KEYS}",
        f".algorithms[1]: 'none' would take tokens that nobody has signed. {_SIGNS}",
    ),
    "algorithm none in another case": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [▶' NoNe '], {_KEYS}",
        f".algorithms[0]: ' NoNe ' would take tokens that nobody has signed. {_SIGNS}",
    ),
    "algorithm in another case": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [▶rs256], {_KEYS}",
        f".algorithms[0]: 'rs256' is no algorithm. {_KNOWN} Did you mean 'RS256'? The case counts.",
    ),
    "algorithm of encryption": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [▶A256GCM], {_KEYS}",
        f".algorithms[0]: 'A256GCM' is no algorithm. {_KNOWN} The case counts.",
    ),
    "algorithm twice": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [RS256, ▶RS256], {_KEYS}",
        ".algorithms[1]: 'RS256' stands twice. Keep one.",
    ),
    "published keys for hmac": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [RS256, ▶HS256], {_KEYS}",
        f".algorithms[1]: {_PUBLISHED}",
    ),
    "discovered keys for hmac": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [▶HS256], discovery: true",
        f".algorithms[0]: {_PUBLISHED}",
    ),
    "secret for rsa": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [▶RS256], secret: '${{secret.HS}}'",
        ".algorithms[0]: RS256 is verified with a public key, and this is a secret."
        " Write HS256; or the address of the issuer's keys instead of the secret.",
    ),
    "secret for two algorithms": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [HS256, ▶HS512], secret: '${{secret.HS}}'",
        ".algorithms[1]: one key has one algorithm. Keep one.",
    ),
    "secret in the file": _jwt(
        f"{_ISSUER}{_AUDIENCE}algorithms: [HS256], secret: ▶hush",
        ".secret: a secret in the file."
        " Write ${secret.NAME}: a file in BFF_SECRETS_DIR, or a variable.",
    ),
    "no source of keys": Broken(
        "gateway.yaml",
        f"identity:\n  jwt:\n    - ▶{{{_ISSUER}{_AUDIENCE}algorithms: [RS256]}}\n",
        "identity.jwt[0]: names no source of keys."
        " Write keys: the address of the key set; or discovery: true, or a secret.",
    ),
    "two sources of keys": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}{_KEYS}, ▶discovery: true",
        ".discovery: keys and discovery are several sources of keys. Keep one.",
    ),
    "discovery that is off": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}discovery: ▶false",
        ".discovery: discovery is true, or left out."
        " Write discovery: true, where the issuer's metadata names its keys.",
    ),
    "discovery without an address": _jwt(
        f"issuer: shop-issuer, {_AUDIENCE}{_ALGORITHMS}▶discovery: true",
        ".discovery: an issuer without an address publishes no metadata."
        " Write keys: the address of its key set.",
    ),
    "discovery over plain http": _jwt(
        f"issuer: ▶http://id.example, {_AUDIENCE}{_ALGORITHMS}discovery: true",
        f".issuer: {_HTTP}",
    ),
    "keys over plain http": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}keys: ▶http://id.example/jwks.json",
        f".keys: {_HTTP}",
    ),
    "keys in a file": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}keys: ▶keys/jwks.json",
        ".keys: this is no http address. Write it whole: http://127.0.0.1:9102.",
    ),
    "long leeway": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}{_KEYS}, leeway: ▶6m",
        ".leeway: a leeway is 5m at most. It is for clocks that differ by seconds.",
    ),
    "no typ": _jwt(
        f"{_ISSUER}{_AUDIENCE}{_ALGORITHMS}{_KEYS}, typ: ▶'a t'",
        ".typ: this is no typ. Write it as the tokens' header does: at+jwt.",
    ),
    "issuer twice": Broken(
        "gateway.yaml",
        f"identity:\n  jwt:\n    - {{{_ISSUER}{_AUDIENCE}{_ALGORITHMS}{_KEYS}}}\n"
        f"    - {{issuer: ▶https://id.example, {_AUDIENCE}{_ALGORITHMS}discovery: true}}\n",
        "identity.jwt[1].issuer: the issuer 'https://id.example' stands twice."
        " Write one entry for it, with all its audiences and algorithms.",
    ),
}
