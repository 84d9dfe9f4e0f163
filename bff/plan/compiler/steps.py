"""Compiles the steps of a composition in the order of their dependencies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bff.declarations.documents import Document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.step import FallbackDecl, StepDecl
from bff.declarations.suggestions import known_names
from bff.plan.compiler.bindings import compile_bindings
from bff.plan.compiler.caching import compile_step_caching
from bff.plan.compiler.fan_out import compile_batch, compile_for_each
from bff.plan.compiler.graph import order_steps
from bff.plan.compiler.paging import compile_pages
from bff.plan.compiler.reply_headers import headers_of_step, type_of_headers
from bff.plan.compiler.roots import may_give_null, root_of_steps
from bff.plan.compiler.services import Services
from bff.plan.compiler.statuses import compile_statuses
from bff.plan.compiler.values import ExpressionScope, compile_single, scope_within
from bff.plan.compiler.waiting import waits_of_reader, waits_of_writer
from bff.plan.model import steps as nodes
from bff.plan.model.service import Operation
from bff.plan.reporter import Path, Reporter
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, nullable, type_of_value


@dataclass(frozen=True, slots=True)
class Steps:
    """The compiled steps in declared order; the type of each for expressions, and that of the
    headers of their replies."""

    steps: tuple[nodes.Step, ...]
    types: Mapping[str, t.Type]
    headers: t.ObjectOf | None


def compile_steps(
    reporter: Reporter[CompositionFile], inputs: Mapping[str, t.Type], services: Services
) -> Steps:
    """Compile every step of a composition.

    Each step is compiled twice: first as a draft that takes every other step for `Any`, which shows
    what the step reads, and then, in the order that follows, over the types of the steps before it.
    What is not known of a step, or is known only behind a cycle, is `Any`.
    """
    document = reporter.document
    declared = document.model.steps
    unknown: dict[str, t.Type] = dict.fromkeys(declared, t.ANYTHING)
    headers = type_of_headers(declared, services)
    draft = ExpressionScope(document, [], root_of_steps(document, inputs, unknown, headers))
    drafts = {name: _compile_step(name, each, draft, services) for name, each in declared.items()}
    writes = document.model.effect == "writes"
    waits_for = (waits_of_writer if writes else waits_of_reader)(reporter, drafts)
    order, cycles = order_steps(waits_for)
    for cycle in cycles:
        reporter.report_key(
            ("steps", cycle[0]), f"steps wait for each other: {' → '.join(cycle)}",
            "Break the circle: one of them must do without the next one's value.",
        )  # fmt: skip
    types = dict(unknown)
    compiled: dict[str, nodes.Step] = {}
    indexes = {name: index for index, name in enumerate(declared)}
    for name in order:
        seen = {each: types[each] for each in declared if each != name or name in waits_for[name]}
        scope = scope_within(reporter, root_of_steps(document, inputs, seen, headers))
        step = _compile_step(name, declared[name], scope, services)
        types[name] = step.type
        waits = tuple(sorted(indexes[other] for other in waits_for[name]))
        reads = tuple(sorted(indexes[other] for other in step.reads_steps(indexes)))
        compiled[name] = replace(step, index=indexes[name], waits_for=waits, input_steps=reads)
    return Steps(tuple(compiled[name] for name in declared), types, headers)


def _compile_step(
    name: str, declared: StepDecl, scope: ExpressionScope, services: Services
) -> nodes.Step:
    path: Path = ("steps", name)
    document = scope.document
    operation = _find_operation(scope, declared.call, (*path, "call"), services)
    when = None if declared.when is None else compile_single(scope, declared.when, (*path, "when"))
    for_each, inner = None, scope
    if declared.for_each is not None:
        taken = frozenset(key for key, _ in scope.root.fields) | {name}
        for_each, inner = compile_for_each(scope, declared.for_each, taken, path)
    elif not document.knows((*path, "for_each")):
        inner = replace(scope, root=replace(scope.root, extra=t.ANYTHING))
    is_known = operation is not services.stand_in and operation.name not in services.unsure
    bindings = compile_bindings(
        inner, operation, declared, path,
        is_known=is_known and document.knows((*path, "with")),
    )  # fmt: skip
    batch, whole = _compile_calls(scope, operation, bindings, for_each, declared, path)
    pages = None
    if declared.paginate is not None:
        service = services.services[operation.service] if is_known else None
        pages, items = compile_pages(scope, operation, declared.paginate, service, path)
        whole = nullable(items) if _skips_by_null(bindings) else items
    on_failure = _compile_on_failure(scope, operation, declared, whole, path)
    writes = document.model.effect == "writes"
    caching = compile_step_caching(
        scope, operation, declared,
        # A stored reply may be older than a write of the same composition.
        None if writes else services.caching.get(operation.name), path, is_known=is_known,
    )  # fmt: skip
    if when is not None or isinstance(on_failure, nodes.Optional):
        whole = nullable(whole)
    if not _knows_its_calls(document, declared, path):
        whole = t.ANYTHING
    return nodes.Step(
        name=name,
        index=0,
        operation=operation,
        reads_part=False,
        bindings=bindings,
        when=when,
        batch=batch,
        for_each=for_each,
        pages=pages,
        on_failure=on_failure,
        statuses=compile_statuses(
            scope,
            operation,
            declared.statuses,
            (*path, "statuses"),
            knows_errors=is_known and services.knows_errors(operation.name),
        ),
        waits_for=(),
        input_steps=(),
        hidden=declared.hidden,
        timeout_seconds=declared.timeout or operation.timeout_seconds,
        cache=caching,
        scope="public",
        type=whole,
        needs_json=False,
        needs_bytes=False,
        reply_headers=headers_of_step(declared, operation),
    )


def _find_operation(scope: ExpressionScope, call: str, path: Path, services: Services) -> Operation:
    """The operation that the step calls; a stand-in, and a problem, where there is none."""
    if not scope.knows(path):
        return services.stand_in
    operation = services.operations.get(call)
    if operation is None:
        _report_unknown(scope, call, path, services)
        return services.stand_in
    if operation.writes and scope.document.model.effect == "reads":
        mend = "Declare the endpoint with the method that it means: POST, PUT, PATCH or DELETE."
        if operation.method == "POST":
            mend = f"Give the operation `reads: true` where it changes nothing. Else: {mend}"
        scope.report(path, f"{operation.name} writes, and this composition reads", mend)
    return operation


def _compile_calls(
    scope: ExpressionScope,
    operation: Operation,
    bindings: tuple[nodes.Binding, ...],
    for_each: nodes.ForEach | None,
    declared: StepDecl,
    path: Path,
) -> tuple[nodes.Batch | None, t.Type]:
    """The batch, if there is one, and the type of the step's value: nullable where a missing input
    may skip all calls, and so for each element."""
    if declared.batch is not None:
        batch, joined = compile_batch(scope, operation, bindings, declared.batch, path)
        return batch, nullable(joined) if _skips_by_null(bindings) else joined
    one = operation.returns.type
    if _skips_by_null(bindings) or None in declared.statuses.values():
        one = nullable(one)
    if any("empty" in each.skips_when for each in bindings) and not operation.returns_list:
        one = nullable(one)
    if for_each is None:
        return None, one
    if for_each.is_optional:
        one = nullable(one)
    may_skip = may_give_null(for_each.over) and not operation.writes
    return None, nullable(t.ListOf(one)) if may_skip else t.ListOf(one)


def _skips_by_null(bindings: tuple[nodes.Binding, ...]) -> bool:
    return any("null" in each.skips_when for each in bindings)


def _calls_several_times(declared: StepDecl) -> bool:
    several = (declared.batch, declared.for_each, declared.paginate)
    return any(each is not None for each in several)


def _knows_its_calls(document: Document[Any], declared: StepDecl, path: Path) -> bool:
    """Whether it is known how often the step calls, on which the type of its value depends."""
    kinds = {"batch": declared.batch, "for_each": declared.for_each, "paginate": declared.paginate}
    several = sum(each is not None for each in kinds.values()) > 1
    return not several and all(document.knows((*path, key)) for key in kinds)


def _compile_on_failure(
    scope: ExpressionScope, operation: Operation, declared: StepDecl, whole: t.Type, path: Path
) -> nodes.OnFailure:
    match declared.on_failure:
        case "fail":
            return nodes.Fail()
        case "optional":
            return nodes.Optional()
        case "stale":
            return nodes.Stale()
        case FallbackDecl(fallback=value):
            at: Path = (*path, "on_failure", "fallback")
            if not scope.knows(at):
                return nodes.Fail()
            if not _calls_several_times(declared):
                return _whole_fallback(scope, operation, value, at)
            found = type_of_value(value)
            if not fits(found, whole):
                scope.report(
                    at, f"the fallback is {brief(found)}, the step {brief(whole)}",
                    "Give a value of the step's type.",
                )  # fmt: skip
            return nodes.Fallback(value, value)


def _whole_fallback(
    scope: ExpressionScope, operation: Operation, value: Any, at: Path
) -> nodes.OnFailure:
    schema = operation.returns
    try:
        validated = schema.validate_value(value)
    except ValueError as error:
        scope.report(
            at, f"the fallback does not fit {schema.name}: {error}",
            "Give a value that the operation could have returned.",
        )  # fmt: skip
        return nodes.Fail()
    return nodes.Fallback(schema.to_json(validated), validated)


def _report_unknown(scope: ExpressionScope, call: str, path: Path, services: Services) -> None:
    service, _, operation = call.partition(".")
    if service in services.unread:
        return  # its own file has problems
    if service not in services.services:
        what, known = f"unknown service '{service}'", list(services.services)
        scope.report(path, what, known_names(service, known))
        return
    known = [
        name.partition(".")[2] for name in services.operations if name.startswith(f"{service}.")
    ]
    what = f"{service} has no operation '{operation}'"
    scope.report(path, what, known_names(operation, known))
