"""Compiles the declared caching of payloads and replies."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.step import StepDecl
from bff.header_names import TRACE
from bff.plan.compiler.roots import root_of_reply
from bff.plan.compiler.tags import compile_tags
from bff.plan.compiler.values import ExpressionScope, scope_within
from bff.plan.model.caching import CachePolicy, ReplyCaching, Scope
from bff.plan.model.service import CompositionParam, Operation
from bff.plan.reporter import Path, Reporter
from bff.plan.types import kinds as t

# The caching of `on_failure: stale` where none is declared: an hour, for failures alone.
FOR_FAILURES = ReplyCaching(CachePolicy(0.0, 0.0, 3600.0), (), needs_json=False)


def compile_policy(declared: CacheDecl) -> CachePolicy:
    """The windows of a declared `cache`."""
    return CachePolicy(declared.ttl, declared.stale, declared.stale_if_error)


def warn_of_traces(
    reporter: Reporter[Any],
    params: Sequence[CompositionParam],
    key_reads: Collection[tuple[str, ...]],
) -> None:
    """Warn of params in the key that are of one request alone, of a composition that is cached."""
    for param in params:
        is_read = ("params", param.name) in key_reads or ("params",) in key_reads
        if is_read and param.location == "header" and param.wire_name.lower() in TRACE:
            reporter.warn(
                ("params", param.name),
                f"each request has a {param.wire_name} of its own, so none gets what is cached",
                "Leave it out: services get it anyway.",
            )


def compile_reply_caching(
    reporter: Reporter[Any], operation: Operation, declared: CacheDecl, root: t.ObjectOf, path: Path
) -> ReplyCaching:
    """The `cache:` at `path`, of the operation or a step of it; `root` is a `root_of_reply`."""
    scope = scope_within(reporter, root)
    if declared.scope == "public" and _default_scope(operation) == "identity":
        scope.report(
            (*path, "scope"),
            f"{operation.service} learns who calls, so that each reply is one caller's",
            "Leave `scope` out.",
        )
    tags = compile_tags(scope, declared.tags, (*path, "tags"))
    return ReplyCaching(
        compile_policy(declared),
        tags,
        needs_json=any("reply" in tag.roots for tag in tags),
        scope=declared.scope or _default_scope(operation),
    )


def compile_step_caching(
    scope: ExpressionScope,
    operation: Operation,
    declared: StepDecl,
    of_operation: ReplyCaching | None,
    path: Path,
    *,
    is_known: bool,
) -> ReplyCaching | None:
    """The caching of the step's calls: its own, or the operation's. `path` is the step's;
    `is_known` states whether its operation is known."""
    at: Path = (*path, "cache")
    caching = of_operation
    if declared.cache is not None:
        root = root_of_reply(operation.params, operation.returns.type, is_known=is_known)
        caching = compile_reply_caching(scope, operation, declared.cache, root, at)
        if operation.writes:
            scope.report_key(
                at, f"{operation.name} writes, so its replies are never cached",
                "Leave `cache` out.",
            )  # fmt: skip
    if declared.on_failure != "stale":
        return caching
    if operation.writes:
        scope.report(
            (*path, "on_failure"),
            f"{operation.name} writes, and the result of a write is not stored",
            "Use fail, optional or {fallback: …}.",
        )  # fmt: skip
    elif caching is not None and not caching.policy.stale_if_error_seconds:
        scope.report(
            (*path, "on_failure"),
            "nothing stale is stored for a failure: `stale_if_error` is 0s",
            "Give it a duration, or leave it out.",
        )  # fmt: skip
    elif _may_outlive_purges(scope, caching) and scope.document.is_sound(at):
        scope.report(
            (*path, "on_failure"),
            "a stale reply without tags stands in for a failure after its payload is purged",
            "Give the step tags of its own:"
            " cache: {ttl: 1s, stale_if_error: 1h, tags: ['…:${reply.…}']}.",
        )  # fmt: skip
    return caching or replace(FOR_FAILURES, scope=_default_scope(operation))


def _default_scope(operation: Operation) -> Scope:
    """Who shares the operation's replies where nothing is declared."""
    return "public" if operation.disclosure is None else "identity"


def _may_outlive_purges(scope: ExpressionScope, caching: ReplyCaching | None) -> bool:
    """Whether a purge reaches the composition's payload, and not what is stored for the step."""
    of_payload = scope.document.model.cache
    return of_payload is not None and bool(of_payload.tags) and not (caching and caching.tags)
