"""What `bff plan` shows of statuses and headers: those of services, and those of the gateway."""

from collections.abc import Iterable

from bff.plan.explain.texts import indented, source_text
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import Template
from bff.plan.model.service import FailWhen
from bff.plan.model.steps import ErrorReply, Step
from bff.plan.types.algebra import describe, may_be_null


def statuses_lines(step: Step) -> Iterable[str]:
    """What each status means; of an error reply, where each member of its document comes from."""
    for status, meaning in sorted(step.statuses.items()):
        match meaning:
            case "null":
                yield f"{status}: null"
            case "fail":
                yield f"{status}: the composition fails"
            case ErrorReply(reply, members, type=inferred):
                yield f"{status}: the composition replies {reply}"
                types = dict(inferred.fields)
                yield from indented(
                    f"{name}: {describe(types[name].type)}, from {source_text(template)}"
                    if template.roots
                    else f"{name}: {source_text(template)}"
                    for name, template in members.items()
                )


def fail_when_text(rule: FailWhen) -> str:
    """Which replies of 2xx fail, and what they are taken for."""
    status = "" if rule.status is None else f", as a {rule.status}"
    return f"{source_text(rule.condition)}{status}"


def head_lines(composition: Composition) -> Iterable[str]:
    """The status and the headers of a reply, where they are declared."""
    head = composition.head
    if head is None:
        return
    yield f"status: {source_text(head.status)}"
    if head.headers:
        yield "headers:"
        yield from indented(
            f"{name}: {source_text(template)}{_may_be_left_out(template)}"
            for name, template in head.headers.items()
        )


def _may_be_left_out(template: Template) -> str:
    return ", left out where it is null" if may_be_null(template.type) else ""
