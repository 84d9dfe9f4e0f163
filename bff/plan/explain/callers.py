"""How a project identifies callers, for `bff routes`: a line for each kind of credential."""

from collections.abc import Iterator
from typing import assert_never

from bff.plan.explain.texts import seconds_text
from bff.plan.model.identity import (
    ApiKeysPlan,
    IdentityPlan,
    IntrospectionPlan,
    KeyFile,
    PublishedKeys,
    SharedKeys,
    TokenIssuer,
)


def caller_lines(plan: IdentityPlan) -> Iterator[str]:
    """What callers may bring, without any secret."""
    for issuer in plan.jwt:
        yield f"callers by tokens of {_issuer_text(issuer)}"
    if plan.introspection is not None:
        yield f"callers by tokens that {_asked_text(plan.introspection)}"
    if plan.api_keys is not None:
        yield f"callers by API keys in {_keys_text(plan.api_keys)}"
    if plan.sessions is not None:
        yield f"callers by sessions of {plan.sessions.issuer}"


def _issuer_text(issuer: TokenIssuer) -> str:
    keys = issuer.keys
    source = "a secret"
    if isinstance(keys, PublishedKeys):
        source = "keys by discovery" if keys.url is None else f"keys of {keys.url}"
    algorithms = ", ".join(issuer.algorithms)
    return f"{issuer.issuer} for {_audience(issuer.audience)}: {algorithms}, {source}"


def _asked_text(plan: IntrospectionPlan) -> str:
    endpoint = "" if plan.url is None else f" ({plan.url})"
    audience = "anybody" if plan.audience is None else _audience(plan.audience)
    kept = seconds_text(plan.cache_seconds)
    return f"{plan.issuer} is asked about{endpoint} for {audience}: kept for {kept}"


def _keys_text(plan: ApiKeysPlan) -> str:
    match plan.store:
        case KeyFile(path):
            place = f"the file {path.name}"
        case SharedKeys(namespace):
            place = f"Redis as {namespace}"
        case _:
            assert_never(plan.store)
    return f"{plan.header}, kept in {place}"


def _audience(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
