"""Compiles `identity.api_keys`, and holds that keys reach nobody but the gateway."""

from pathlib import Path as FilePath

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.gateway import GatewayFile
from bff.plan.model.identity import ApiKeysPlan, KeyFile, SharedKeys
from bff.plan.model.service import CompositionParam
from bff.plan.reporter import Path, Reporter

_AT: Path = ("identity", "api_keys")


def compile_api_keys(reporter: Reporter[GatewayFile], folder: FilePath) -> ApiKeysPlan | None:
    """The project's API keys; None where it has none. Keys in Redis outlive changes of services'
    addresses, so their namespace has to be a declared one."""
    gateway = reporter.document.model
    declared = gateway.identity.api_keys
    if declared is None or not reporter.document.is_sound(_AT):
        return None
    header = declared.header.lower()
    for prefix, route in gateway.routes.items():
        for index, name in enumerate(route.forward):
            if name.lower() == header:
                reporter.report(
                    ("routes", prefix, "forward", index),
                    f"'{name}' brings the API keys of this gateway, which services must not have",
                    "Leave it out.",
                )
    if not declared.redis:
        return ApiKeysPlan(header, KeyFile(folder.absolute() / (declared.file or "")))
    namespace = gateway.cache.namespace
    if namespace is None and reporter.knows(("cache", "namespace")):
        reporter.report(
            (*_AT, "redis"),
            "keys in Redis are this project's alone, and nothing names it",
            "Write `cache: {namespace: shop}`: who has it has the keys.",
        )
    return ApiKeysPlan(header, SharedKeys(namespace or ""))


def report_key_params(
    reporter: Reporter[CompositionFile],
    params: tuple[CompositionParam, ...],
    keys: ApiKeysPlan | None,
) -> None:
    """Report params that are the header of API keys: steps could send them to services."""
    for param in params:
        if keys is not None and param.location == "header" and param.wire_name == keys.header:
            reporter.report_key(
                ("params", param.name),
                f"'{param.wire_name}' brings the API keys of this gateway, which no step may have",
                "Leave it out: what is known of the caller is in `claims`.",
            )
