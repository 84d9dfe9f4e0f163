"""What is declared about the caching of payloads and replies, compiled."""

from collections.abc import Sequence
from typing import Any

from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.step import StepDecl
from bff.plan.compiler.bindings import must_be_bound
from bff.plan.compiler.tags import compile_tags
from bff.plan.compiler.values import ExpressionScope
from bff.plan.model.caching import CachePolicy, ReplyCaching
from bff.plan.model.service import Operation, OperationParam
from bff.plan.reporter import Path, Reporter
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable

# What `on_failure: stale` keeps where nothing else is said: an hour, for failures alone.
FOR_FAILURES = ReplyCaching(CachePolicy(0.0, 0.0, 3600.0), (), needs_json=False)


def compile_policy(declared: CacheDecl) -> CachePolicy:
    """For how long."""
    return CachePolicy(declared.ttl, declared.stale, declared.stale_if_error)


def compile_reply_caching(
    reporter: Reporter[Any], declared: CacheDecl, root: t.ObjectOf, path: Path
) -> ReplyCaching:
    """The `cache:` at `path`, of an operation or a step; `root` is what `reply_root` gives."""
    scope = ExpressionScope(reporter.document, reporter.problems, root)
    tags = compile_tags(scope, declared.tags, (*path, "tags"))
    return ReplyCaching(
        compile_policy(declared),
        tags,
        needs_json=any("reply" in tag.roots for tag in tags),
        scope=declared.scope or "public",
    )


def reply_root(params: Sequence[OperationParam], reply: t.Type, *, is_known: bool) -> t.ObjectOf:
    """What the tags of a reply see: the operation's params as they are sent, where one that is
    left out is null, and the reply. `is_known` says whether these are all the params."""
    fields = tuple(
        (param.name, t.Field(param.type if must_be_bound(param) else nullable(param.type)))
        for param in params
    )
    sent = t.ObjectOf(fields, None if is_known else t.ANYTHING, t.PARAMS_NAME)
    return t.ObjectOf((("params", t.Field(sent)), ("reply", t.Field(reply))))


def compile_step_caching(
    scope: ExpressionScope,
    operation: Operation,
    declared: StepDecl,
    of_operation: ReplyCaching | None,
    path: Path,
    *,
    is_known: bool,
) -> ReplyCaching | None:
    """How the step's calls are cached: as it says itself, or as the operation does. `path` is the
    step's; `is_known` says whether its operation is."""
    at: Path = (*path, "cache")
    caching = of_operation
    if declared.cache is not None:
        root = reply_root(operation.params, operation.returns.type, is_known=is_known)
        caching = compile_reply_caching(scope, declared.cache, root, at)
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
            f"{operation.name} writes, and what a write came to is not kept",
            "Use fail, optional or {fallback: …}.",
        )  # fmt: skip
    elif caching is not None and not caching.policy.stale_if_error_seconds:
        scope.report(
            (*path, "on_failure"),
            "nothing stale is kept for a failure: `stale_if_error` is 0s",
            "Give it a duration, or leave it out.",
        )  # fmt: skip
    return caching or FOR_FAILURES
