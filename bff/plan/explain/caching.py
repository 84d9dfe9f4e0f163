"""`bff plan` on caching: for how long, shared by whom and why, under which tags."""

from collections.abc import Iterable

from bff.plan.compiler.identity_paths import IdentityPath
from bff.plan.explain.texts import indented, one_line, seconds_text
from bff.plan.model.caching import CachePolicy, Tags
from bff.plan.model.composition import Composition
from bff.plan.model.steps import Stale, Step


def cache_facts(composition: Composition, path: IdentityPath | None) -> Iterable[str]:
    """The lines on a composition's payload; `path` is the path of the caller's identity to it."""
    if composition.cache is None:
        yield "cache: off"
    else:
        key = ", ".join(sorted(".".join(each) for each in composition.key_reads))
        yield f"cache: {_windows(composition.cache)}"
        yield from indented(
            [
                f"scope: {_scope(composition, path)}",
                f"key: {key or 'the plan alone'}",
                *_tags("tags", composition.tags),
            ]
        )
    yield from _tags("purges", composition.purges)
    if composition.fields is not None:
        yield f"fields: at most {composition.fields.most} at once"


def step_cache_facts(step: Step, path: IdentityPath | None) -> Iterable[str]:
    """The lines on a step and the replies to its calls."""
    if path is not None:
        yield f"scope: identity, by {' → '.join(path)}"
    caching = step.cache
    if caching is None:
        return
    if caching.policy.ttl_seconds:
        yield f"replies: {_windows(caching.policy)}"
        if caching.scope == "identity":
            yield "  scope: identity, as declared"
        yield from indented(_tags("tags", caching.tags))
    elif isinstance(step.on_failure, Stale):
        stored = seconds_text(caching.policy.stale_if_error_seconds)
        yield f"replies: stored {stored}, for failures alone"


def _scope(composition: Composition, path: IdentityPath | None) -> str:
    if composition.is_public:
        return "public, as declared: browsers and proxies share it too"
    if composition.scope == "public":
        return "public"
    return f"identity, by {' → '.join(path)}" if path is not None else "identity, as declared"


def _windows(policy: CachePolicy) -> str:
    return (
        f"fresh {seconds_text(policy.ttl_seconds)},"
        f" then stale {seconds_text(policy.stale_seconds)},"
        f" on errors {seconds_text(policy.stale_if_error_seconds)}"
    )


def _tags(label: str, tags: Iterable[Tags]) -> Iterable[str]:
    if sources := [one_line(tag.source) for tag in tags]:
        yield f"{label}: {', '.join(sources)}"
