"""Small texts of `bff plan`: templates, values and durations on one line each."""

import json
from collections.abc import Iterable
from typing import Any, assert_never

from bff.plan.model.access import Access, Requirement
from bff.plan.model.composition import Cors, Slo, TrustedProxies
from bff.plan.model.expressions import Template
from bff.plan.model.limits import Limit
from bff.plan.model.service import Additions, Disclosure, Link, Service, TokenRequest
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe, without_null

_UNITS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_WIDTH = 80  # characters of a type on one line
_SIZE_UNITS = (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10))


def source_text(template: Template) -> str:
    """The template as declared, on one line; a constant as JSON, so that "1" and 1 differ."""
    if not template.roots:
        return json_text(template.evaluate({}))
    return one_line(template.source)


def one_line(source: str) -> str:
    """An expression over several lines, on one."""
    return " ".join(source.split()) if "\n" in source else source


def json_text(value: Any) -> str:
    """A JSON value, with no character escaped that need not be."""
    return json.dumps(value, ensure_ascii=False)


def seconds_text(seconds: float) -> str:
    """A duration: `1.5 s`, `800 ms`, `0 s`."""
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"


def size_text(size: int) -> str:
    """A number of bytes: `10 MiB`, `1500 B`."""
    unit, power = next(
        ((unit, power) for unit, power in _SIZE_UNITS if size and size % 2**power == 0), ("B", 0)
    )
    return f"{size >> power} {unit}"


def access_text(access: Access) -> str:
    """Who may call an endpoint."""
    if access.kind is None:
        return "denied: none is stated"
    rules = [*_requirement("roles", access.roles), *_requirement("scopes", access.scopes)]
    if access.when is not None:
        rules.append(f"when {one_line(access.when.source)}")
    return "; ".join(rules) or access.kind


def limit_text(limit: Limit) -> str:
    """One limit, and how it is counted: `identity: 100/minute, 20 at once, exact`."""
    facts = [f"{limit.count}/{_UNITS[limit.per_seconds]}"]
    match limit.counting:
        case "sliding":
            facts.append("in a sliding window")
        case "exact":
            facts.append(f"{limit.burst} at once, exact")
        case "leased":
            facts.append(f"{limit.burst} at once, leases of {limit.most_held} at most")
        case _:
            assert_never(limit.counting)
    facts.append(f"without Redis {limit.without_redis}")
    if limit.is_of_project:
        facts.append("for the whole project")
    return f"{_counted_by(limit)}: {', '.join(facts)}"


def short_limit_text(limit: Limit) -> str:
    """One limit in a table: `identity 100/minute`."""
    return f"{_counted_by(limit)} {limit.count}/{_UNITS[limit.per_seconds]}"


def _counted_by(limit: Limit) -> str:
    return limit.name if limit.key is None else source_text(limit.key)


def _requirement(what: str, requirement: Requirement) -> Iterable[str]:
    if requirement.any:
        yield f"{what} any of {', '.join(requirement.any)}"
    if requirement.all:
        yield f"{what} all of {', '.join(requirement.all)}"


def slo_text(slo: Slo) -> str:
    """What users may rely on: `99.9 % answered within 300 ms`."""
    latency = slo.latency_seconds
    within = "" if latency is None else f" within {seconds_text(latency)}"
    return f"{slo.availability * 100:.10g} % answered{within}"


def pages_text(cors: Cors) -> str:
    """Which pages of other origins may read replies; empty where none may."""
    with_credentials = ", with credentials" if cors.credentials else ""
    return f"{', '.join(sorted(cors.origins))}{with_credentials}" if cors.origins else ""


def proxies_text(proxies: TrustedProxies) -> str:
    """Whose word counts on who sent a request."""
    names = [*map(str, proxies.networks), *(["UNIX sockets"] if proxies.by_unix_socket else [])]
    hops = "1 hop" if proxies.hops == 1 else f"{proxies.hops} hops"
    return f"clients are those that {', '.join(names)} report, over {hops}"


def service_text(service: Service) -> str:
    """What is declared of how a service is connected to and asked; empty where nothing is. Without
    paths, so that the text is the same on each machine, and without secrets."""
    link = service.link or Link()
    facts = []
    if link.tls is not None and link.tls.ca is not None:
        facts.append("TLS by an authority of its own")
    if link.tls is not None and link.tls.cert is not None:
        facts.append("TLS with a certificate of the gateway's")
    if link.proxy is not None:
        host = f"[{link.proxy.host}]" if ":" in link.proxy.host else link.proxy.host
        credentials = "" if link.proxy.authorization is None else ", with credentials"
        facts.append(f"by the proxy http://{host}:{link.proxy.port}{credentials}")
    facts += _additions(service.additions)
    facts += _disclosure(service.disclosure)
    if service.compression:
        facts.append("replies to steps compressed")
    return "; ".join(facts)


def _additions(sent: Additions | None) -> Iterable[str]:
    """What each request has; names alone, since plans show no values of the environment."""
    if sent is None:
        return
    if sent.auth:
        yield f"auth by {sent.auth}"
    if sent.headers:
        yield f"headers {', '.join(name for name, _ in sent.headers)}"
    if sent.query:
        yield f"query {', '.join(name for name, _ in sent.query)}"


def _disclosure(disclosure: Disclosure | None) -> Iterable[str]:
    """What it learns of the caller."""
    if disclosure is None:
        return
    match disclosure.token:
        case None:
            pass
        case "relay":
            yield "auth by the caller's own token"
        case TokenRequest(audience=audience, resource=resource):
            whose = " and ".join(each for each in (audience, resource) if each)
            yield f"auth by a token for {whose}, in exchange for the caller's"
        case _:
            assert_never(disclosure.token)
    if disclosure.headers:
        named = (f"{each.name} {one_line(each.template.source)}" for each in disclosure.headers)
        yield f"of the caller {', '.join(named)}"


def indented(lines: Iterable[str], by: int = 2) -> Iterable[str]:
    """The lines, moved to the right."""
    return (f"{' ' * by}{line}" for line in lines)


def declared_reading(method: str, *, writes: bool) -> str:
    """What a plan says of a POST that changes nothing."""
    return ", a POST that reads" if method == "POST" and not writes else ""


def layout(inferred: t.Type) -> list[str]:
    """A type as lines: on one where it fits, else a line for each field."""
    text = describe(inferred)
    if len(text) <= _WIDTH:
        return [text]
    match inferred:
        case t.ObjectOf(fields, extra):
            lines = ["{"]
            for name, field in fields:
                first, *rest = layout(field.type)
                lines.append(f"  {name}{'' if field.required else '?'}: {first}")
                lines += [f"  {line}" for line in rest]
            if extra is not None:
                lines.append(f"  *: {describe(extra)}")
            return [*lines, "}"]
        case t.ListOf(element):
            first, *rest = layout(element)
            return [f"list[{first}", *rest[:-1], f"{rest[-1]}]"] if rest else [f"list[{first}]"]
        case t.Union() if t.NULL in inferred.members:
            lines = layout(without_null(inferred))
            return [*lines[:-1], f"{lines[-1]} | null"]
        case _:
            return [text]
