"""Browser sessions, and paths that are theirs."""

from tests.unit.broken import Broken, broken_composition

_GATEWAY = """
identity:
  sessions:
    issuer: {issuer}
    client_id: {client_id}
    client_secret: {client_secret}
    public_url: {public_url}
    keys: {keys}
    {more}
"""
_SOUND = {
    "issuer": "https://id.example",
    "client_id": "shop",
    "client_secret": '"${secret.OIDC}"',
    "public_url": "https://shop.example",
    "keys": '["${secret.SESSION_KEY}"]',
}
_SECRET = "Write ${secret.NAME}: a file in BFF_SECRETS_DIR, or a variable."


def _sessions(message: str, more: str = "", **changes: str) -> Broken:
    given = {
        "issuer": "https://id.example",
        "client_id": "shop",
        "client_secret": '"${secret.OIDC}"',
        "public_url": "https://shop.example",
        "keys": '["${secret.SESSION_KEY}"]',
        **changes,
    }
    return Broken(
        "gateway.yaml", _GATEWAY.format(**given, more=more), f"identity.sessions.{message}"
    )


ROWS = {
    "issuer over plain http": _sessions(
        "issuer: cookies and tokens need https. Write https://id.example/realm: http is for"
        " localhost alone.",
        issuer="▶http://id.example/realm",
    ),
    "issuer with a query": _sessions(
        "issuer: an issuer with a query. Write it as its metadata does.",
        issuer="▶https://id.example/?tenant=a",
    ),
    "public address over plain http": _sessions(
        "public_url: cookies and tokens need https. Write https://shop.example: http is for"
        " localhost alone.",
        public_url="▶http://shop.example",
    ),
    "public address that no browser writes so": _sessions(
        "public_url: no browser sends the origin 'https://Shop.example:443'. Write it as browsers"
        " do: https://shop.example.",
        public_url="▶https://Shop.example:443/app",
    ),
    "public address with a query": _sessions(
        "public_url: an address with a query or a fragment. Queries belong to operations.",
        public_url="▶https://shop.example?a=b",
    ),
    "client without an id": _sessions(
        "client_id: this is no client. Write the id that the issuer gave you.", client_id='▶""'
    ),
    "client's secret in the file": _sessions(
        f"client_secret: a secret in the file. {_SECRET}", client_secret="▶hunter2"
    ),
    "session's key in the file": _sessions(
        f"keys[0]: a secret in the file. {_SECRET}", keys="[▶a-key-of-thirty-two-characters!!]"
    ),
    "no key": _sessions(
        "keys: sessions have 1 to 10 keys, from the newest to the oldest. Write"
        " [${secret.SESSION_KEY}], and put a new one before it.",
        keys="▶[]",
    ),
    "scopes without openid": _sessions(
        "scopes: no scope is openid. Add it: without it the issuer names nobody.",
        "scopes: ▶[profile]",
    ),
    "scope with a blank": _sessions(
        "scopes[1]: this is no scope. One word of visible ASCII characters.",
        "scopes: [openid, ▶profile email]",
    ),
    "login that ends elsewhere": _sessions(
        "after_login: this is no path of your own site. Write it from the root: /welcome.",
        "after_login: ▶https://evil.example",
    ),
    "logout that ends elsewhere by two slashes": _sessions(
        "after_logout: this is no path of your own site. Write it from the root: /welcome.",
        "after_logout: ▶/%2f/evil.example",
    ),
    "idle end behind the absolute one": _sessions(
        "idle: the idle end comes after the absolute one. Write a shorter time.",
        "idle: ▶24h",
    ),
    "time without a unit": _sessions(
        "absolute: a duration has a unit. Write 800ms, 1s, 5m or 1h.", "absolute: ▶43200"
    ),
    "Redis that is none": _sessions(
        "redis: the address must be a redis://, rediss:// or unix:// URL, or a redis+sentinel://"
        " or redis+cluster:// one. Write redis://host:6379/0.",
        "redis: ▶localhost",
    ),
    "Redis' password in the file": _sessions(
        "redis: a password stands in the file or in a variable. Write ${secret.NAME} for it:"
        " redis://:${secret.NAME}@host:6379.",
        "redis: ▶redis://:hunter2@cache:6379",
    ),
    "navigation without sessions": Broken(
        "gateway.yaml",
        "routes: {/raw: {service: shop, access: authenticated, navigation: ▶true}}",
        "routes./raw.navigation: there are no sessions of browsers. Leave it out, or describe"
        " `identity.sessions`.",
    ),
    "navigation to what is for everybody": Broken(
        "gateway.yaml",
        _GATEWAY.format(**_SOUND, more="")
        + "routes: {/raw: {service: shop, access: public, navigation: ▶true}}",
        "routes./raw.navigation: nobody's session is looked at here. Leave it out: everybody may"
        " navigate to it.",
    ),
    "composition below the gateway's own path": broken_composition(
        """
endpoint: ▶GET /bff/orders
steps: {p: {call: shop.list_products, with: {ids: [1]}}}
""",
        "endpoint: /bff is the gateway's own path. Choose another.",
    ),
    "route below the gateway's own path": Broken(
        "gateway.yaml",
        "routes: {▶/bff: {service: shop}}",
        "routes./bff: /bff is the gateway's own path. Choose another.",
    ),
}
