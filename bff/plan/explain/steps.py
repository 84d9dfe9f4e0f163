"""`bff plan` on one step: what it waits for and sends, how often it calls, what a failure means."""

from collections.abc import Iterable

from bff.plan.compiler.identity_paths import IdentityPath
from bff.plan.explain.caching import step_cache_facts
from bff.plan.explain.params import explain_sent, request_text
from bff.plan.explain.replies import fail_when_text, statuses_lines
from bff.plan.explain.texts import (
    indented,
    json_text,
    layout,
    one_line,
    seconds_text,
    source_text,
)
from bff.plan.model.composition import Composition
from bff.plan.model.service import Operation, ReplyHeader
from bff.plan.model.steps import (
    ByCursor,
    ByLink,
    ByOffset,
    ByPage,
    Fail,
    Fallback,
    Optional,
    Pages,
    Stale,
    Step,
)
from bff.plan.types.algebra import describe


def explain_step(composition: Composition, step: Step, path: IdentityPath | None) -> Iterable[str]:
    """The lines on a step; `path` is the path of the caller's identity to it."""
    yield f"waits for: {_waits(composition, step)}"
    if step.when is not None:
        yield f"when: {source_text(step.when)}, else null"
    yield from _several_calls(step)
    if line := request_text(step.operation):
        yield f"request: {line}"
    sent = list(explain_sent(step))
    if sent:
        yield "with:"
        yield from indented(sent)
    if skips := [
        f"{each.param.name} is {' or '.join(sorted(each.skips_when))}"
        for each in step.bindings
        if each.skips_when
    ]:
        yield f"no call where: {', '.join(skips)}"
    yield f"calls: at most {step.most_calls}, {seconds_text(step.timeout_seconds)} each"
    if step.statuses:
        yield "statuses:"
        yield from indented(statuses_lines(step))
    if step.operation.reply_format != "json":
        yield f"replies: {_format(step.operation)}"
    if step.operation.drops_invalid:
        yield "elements of lists that break their type are left out"
    if step.reply_headers:
        yield f"reads headers: {', '.join(map(_reply_header, step.reply_headers))}"
    if step.operation.fail_when is not None:
        yield f"fails when: {fail_when_text(step.operation.fail_when)}"
    if step.operation.disclosure is not None:
        yield f"its service learns who calls: {_refusals(step.operation)} the caller's"
    elif step.credentials:
        credentials = ", ".join(sorted(step.credentials))
        yield f"401 and 403 are the caller's where {credentials} is sent"
    yield f"on failure: {_on_failure(step)}"
    if step.reads_part:
        yield from _labelled_lines("validates only", layout(step.operation.returns.type))
    yield from step_cache_facts(step, path)
    if step.hidden:
        yield "hidden: goes out only where response names it"
    yield from _labelled_lines("type", layout(step.type))


def _refusals(operation: Operation) -> str:
    disclosure, own = operation.disclosure, operation.sends_own_credentials
    is_always = disclosure is not None and disclosure.is_caller_refused(401, identifies_gateway=own)
    return "401 and 403 are" if is_always else "403 is"


def _several_calls(step: Step) -> Iterable[str]:
    """How a step calls more than once."""
    if step.batch is not None:
        batch = step.batch
        select = "" if batch.select_source is None else f", select {one_line(batch.select_source)}"
        failed = ", what a failed call would add is missing" if batch.is_optional else ""
        yield f"batch: over {batch.over}, {batch.size} a call, at most {batch.max}{select}{failed}"
    if step.for_each is not None:
        each = step.for_each
        failed = ", a failed one is null" if each.is_optional else ""
        yield (
            f"for each: {each.as_name} in {source_text(each.over)},"
            f" {each.concurrency} at once, at most {each.max}{failed}"
        )
    if step.pages is not None:
        pages = step.pages
        items = "the reply" if pages.items is None else source_text(pages.items)
        beyond = "more is cut off" if pages.truncates else "more fails"
        yield (
            f"pages: {_way(pages)}, items in {items},"
            f" at most {pages.max_pages} pages and {pages.max_items} items, {beyond}"
        )


def _way(pages: Pages) -> str:
    match pages.by:
        case ByCursor(param, following):
            return f"by the cursor {param.name}, from {source_text(following)}"
        case ByPage(param, first):
            return f"by the number {param.name}, from {first} on"
        case ByOffset(param, size):
            return f"by the offset {param.name}, {size} a page"
        case ByLink(following) if following is not None:
            return f"by the link from {source_text(following)}"
        case ByLink():
            return "by the link to the next"


def _labelled_lines(label: str, lines: list[str]) -> Iterable[str]:
    first, *rest = lines
    return [f"{label}: {first}", *rest]


def _waits(composition: Composition, step: Step) -> str:
    """The steps that it waits for; those whose values it doesn't read are marked."""
    waits = (
        composition.steps[index].name + ("" if index in step.input_steps else " (after)")
        for index in step.waits_for
    )
    return ", ".join(waits) or "nothing"


def _reply_header(header: ReplyHeader) -> str:
    what = describe(header.type) if header.rel is None else f"rel={header.rel}"
    return f"{header.name} ({header.wire_name.decode()}: {what})"


def _format(operation: Operation) -> str:
    match operation.reply_format:
        case "none":
            return "nobody reads their bodies"
        case "csv":
            return f"csv, with {json_text(operation.delimiter)} between cells"
        case other:
            return other


def _on_failure(step: Step) -> str:
    match step.on_failure:
        case Fail():
            return "the composition fails"
        case Optional():
            return "null, degraded"
        case Fallback(value):
            return f"fallback {json_text(value)}, degraded"
        case Stale():
            return "its last good value, degraded; without one the composition fails"
