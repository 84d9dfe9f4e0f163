"""API keys, and tokens that somebody else is asked about."""

from tests.unit.broken import Broken

_ASKED = """
identity:
  introspection:
    issuer: https://id.example
    url: https://id.example/introspect
    client_id: shop
    client_secret: "${secret.ASK}"
    audience: [shop]
"""


def _keys(keys: str, message: str, more: str = "") -> Broken:
    return Broken("gateway.yaml", f"identity:\n  api_keys: {keys}\n{more}", message)


def _asked(line: str, message: str) -> Broken:
    """Introspection with this line in the place of its own."""
    key = line.replace("▶", "").partition(":")[0]
    lines = [each for each in _ASKED.splitlines() if not each.startswith(f"    {key}:")]
    return Broken("gateway.yaml", "\n".join([*lines, f"    {line}", ""]), message)


ROWS = {
    "keys nowhere": Broken(
        "gateway.yaml",
        "identity:\n  ▶api_keys: {header: X-Key}",
        "identity.api_keys: says nowhere where keys are. Write `file: keys.json`, or"
        " `redis: true`.",
    ),
    "keys in two places": _keys(
        "{file: keys.json, ▶redis: true}",
        "identity.api_keys.redis: keys are in one place. Keep `file` or `redis`.",
        "cache: {namespace: shop}",
    ),
    "keys in a Redis that no name divides": _keys(
        "{redis: ▶true}",
        "identity.api_keys.redis: keys in Redis are this project's alone, and nothing names"
        " it. Write `cache: {namespace: shop}`: who has it has the keys.",
    ),
    "keys in a folder": _keys(
        "{file: ▶keys/}", "identity.api_keys.file: this is no file's path. Write keys.json."
    ),
    "path of keys with an expression": _keys(
        "{file: ▶'${claims.tenant}.json'}",
        "identity.api_keys.file: only the environment is read here. Write ${env.NAME}.",
    ),
    "keys in a header that means something": _keys(
        "{header: ▶Authorization, file: k.json}",
        "identity.api_keys.header: the header 'Authorization' has a meaning of its own."
        " Write X-Api-Key.",
    ),
    "keys in a header of proxies": _keys(
        "{header: ▶X-Forwarded-Key, file: k.json}",
        "identity.api_keys.header: the header 'X-Forwarded-Key' has a meaning of its own."
        " Write X-Api-Key.",
    ),
    "keys in a header with an underscore": _keys(
        "{header: ▶x_api_key, file: k.json}",
        "identity.api_keys.header: 'x_api_key' has an underscore, and servers drop such"
        " headers. Write X-Api-Key.",
    ),
    "keys in a header with a blank": _keys(
        "{header: ▶Api Key, file: k.json}",
        "identity.api_keys.header: 'Api Key' is no header's name. Write X-Api-Key.",
    ),
    "keys that a route passes on": _keys(
        "{file: keys.json}",
        "routes./raw.forward[0]: 'x-api-key' brings the API keys of this gateway, which"
        " services must not have. Leave it out.",
        "routes: {/raw: {service: shop, access: public, forward: [▶x-api-key]}}",
    ),
    "endpoint that is nowhere": Broken(
        "gateway.yaml",
        _ASKED.replace("introspection:", "▶introspection:").replace(
            "    url: https://id.example/introspect\n", ""
        ),
        "identity.introspection: says nowhere where to ask. Write `url:"
        " https://id.example/introspect`, or `discovery: true`.",
    ),
    "audience that is not stated": Broken(
        "gateway.yaml",
        _ASKED.replace("issuer", "▶issuer").replace("    audience: [shop]\n", ""),
        "identity.introspection: needs the key 'audience'.",
    ),
    "endpoint from two sources": _asked(
        "▶discovery: true",
        "identity.introspection.discovery: the endpoint has one source. Keep one.",
    ),
    "endpoint without TLS": _asked(
        "url: ▶http://id.example/introspect",
        "identity.introspection.url: credentials would go there in the clear. Write https;"
        " http is for localhost, 127.0.0.1 and [::1] alone.",
    ),
    "issuer that is no address": _asked(
        "issuer: ▶id.example",
        "identity.introspection.issuer: this is no http address. Write it whole:"
        " http://127.0.0.1:9102.",
    ),
    "secret that stands in the file": _asked(
        "client_secret: ▶s3cret",
        "identity.introspection.client_secret: a secret in the file. Write ${secret.NAME}:"
        " a file in BFF_SECRETS_DIR, or a variable.",
    ),
    "audience that is one text": _asked(
        "audience: ▶shop",
        "identity.introspection.audience: this is no list of audiences. Write [shop]; or"
        " `any`, where the server's active tokens are all for the gateway.",
    ),
    "audience of nobody": _asked(
        "audience: ▶[]",
        "identity.introspection.audience: this is no list of audiences. Write [shop]; or"
        " `any`, where the server's active tokens are all for the gateway.",
    ),
    "audience that is a number": _asked(
        "audience: [shop, ▶7]",
        "identity.introspection.audience[1]: this is no audience. Write a text.",
    ),
    "answers that are kept without a unit": _asked(
        "cache: ▶30",
        "identity.introspection.cache: a duration has a unit. Write 800ms, 1s, 5m or 1h.",
    ),
    "answers that are kept for too long": _asked(
        "cache: ▶2h", "identity.introspection.cache: an answer is kept for 1h at most."
    ),
    "client that a caller names": _asked(
        "client_id: ▶'${claims.azp}'",
        "identity.introspection.client_id: only the environment is read here. Write"
        " ${env.NAME} or ${secret.NAME}.",
    ),
    "issuer that is verified and asked": Broken(
        "gateway.yaml",
        _ASKED.replace("issuer: ", "issuer: ▶")
        + "  jwt: [{issuer: https://id.example, audience: [a], algorithms: [RS256], keys: https://k}]",
        "identity.introspection.issuer: tokens of this issuer are verified by `jwt`. Keep one: its"
        " tokens are verified, or it is asked about them.",
    ),
}
