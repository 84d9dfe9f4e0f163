"""A composition's steps, compiled in dependency order so that each sees the types before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bff.declarations.documents import Document
from bff.declarations.hints import known_names
from bff.declarations.models import CompositionFile, FallbackDecl, StepDecl
from bff.plan import nodes
from bff.plan import types as t
from bff.plan.bindings import compile_bindings, may_skip
from bff.plan.expressions.parsing import ExpressionSyntaxError, parse_expression
from bff.plan.expressions.reads import static_reads
from bff.plan.expressions.templates import Embedded, split_template
from bff.plan.fan_out import compile_batch, compile_for_each, for_each_type
from bff.plan.graph import order_steps
from bff.plan.problems import Notebook, Path
from bff.plan.service_nodes import Operation
from bff.plan.services import Services
from bff.plan.type_algebra import brief, fits, may_be_null, nullable, type_of_value
from bff.plan.values import Site, compile_value


@dataclass(frozen=True, slots=True)
class Steps:
    """The compiled steps in declared order, and what each is for expressions.

    `steps` lacks those that could not be compiled; `types` has every declared one.
    """

    steps: tuple[nodes.Step, ...]
    types: Mapping[str, t.Type]


def compile_steps(
    document: Document[CompositionFile],
    params: t.Type,
    services: Services,
    notebook: Notebook,
    *,
    writes: bool,
) -> Steps:
    """Compile every step of a composition; problems go to the notebook."""
    declared = document.model.steps
    waits_for = {name: _waits_for(document, name, notebook, writes=writes) for name in declared}
    order, cycle = order_steps(waits_for)
    if cycle is not None:
        notebook.at_key(
            document, ("steps", cycle[0]), f"steps wait for each other: {' → '.join(cycle)}",
            "Break the circle: one of them must do without the next one's value.",
        )  # fmt: skip
        return Steps((), dict.fromkeys(declared, t.ANYTHING))
    types: dict[str, t.Type] = dict.fromkeys(declared, t.ANYTHING)
    compiled: dict[str, nodes.Step] = {}
    indexes = {name: index for index, name in enumerate(declared)}
    for name in order:
        root = t.ObjectOf(
            (
                ("params", t.Field(params)),
                *((other, t.Field(types[other])) for other in declared if other != name),
            )
        )
        step = _compile_step(
            document, name, Site(document, notebook, root), services, writes=writes
        )
        if step is None:
            continue
        types[name] = step.type
        waits = tuple(sorted(indexes[other] for other in waits_for[name]))
        inputs = tuple(sorted(indexes[other] for other in _roots(step) & indexes.keys()))
        compiled[name] = replace(step, index=indexes[name], waits_for=waits, input_steps=inputs)
    return Steps(tuple(compiled[name] for name in declared if name in compiled), types)


def _compile_step(
    document: Document[CompositionFile],
    name: str,
    site: Site,
    services: Services,
    *,
    writes: bool,
) -> nodes.Step | None:
    declared = document.model.steps[name]
    path: Path = ("steps", name)
    operation = services.operations.get(declared.call)
    if operation is None:
        _report_unknown(site, declared.call, (*path, "call"), services)
        return None
    if operation.writes and not writes:
        site.notebook.at(
            site.document, (*path, "call"), f"{operation.name} writes, and this composition reads",
            "Declare the endpoint with the method that it means: POST, PUT, PATCH or DELETE.",
        )  # fmt: skip
    when = None if declared.when is None else compile_value(site, declared.when, (*path, "when"))
    for_each, inner = None, site
    if declared.for_each is not None:
        taken = frozenset(key for key, _ in site.root.fields) | {name}
        iteration = compile_for_each(site, declared.for_each, taken, path)
        for_each, inner = iteration.for_each, iteration.site
    bindings = compile_bindings(inner, operation, declared.with_, path)
    statuses = dict(declared.statuses)
    one = operation.returns.type
    one_may_be_null = may_skip(bindings) or None in statuses.values()
    batch = None
    if declared.batch is not None:
        batch, whole = compile_batch(site, operation, bindings, declared.batch, path)
        may_be_skipped = _batch_may_skip(bindings, declared.batch.over)
    elif for_each is not None:
        whole = for_each_type(one, element_may_be_null=one_may_be_null)
        may_be_skipped = may_be_null(for_each.over.type)
    else:
        whole, may_be_skipped = one, one_may_be_null
    on_failure = _compile_on_failure(site, operation, declared, whole, path)
    if when is not None or may_be_skipped or isinstance(on_failure, nodes.Optional):
        whole = nullable(whole)
    return nodes.Step(
        name=name,
        index=0,
        operation=operation,
        bindings=bindings,
        when=when,
        batch=batch,
        for_each=for_each,
        on_failure=on_failure,
        statuses={key: "null" if value is None else "fail" for key, value in statuses.items()},
        waits_for=(),
        input_steps=(),
        hidden=declared.hidden,
        timeout_seconds=declared.timeout or operation.timeout_seconds,
        type=whole,
        needs_json=False,
        needs_bytes=False,
    )


def _batch_may_skip(bindings: tuple[nodes.Binding, ...], over: str) -> bool:
    """As `may_skip`; and a null to batch over skips, whether or not the param is required."""
    return may_skip(bindings) or any(
        binding.template is not None and may_be_null(binding.template.type)
        for binding in bindings
        if binding.param.name == over
    )


def _compile_on_failure(
    site: Site, operation: Operation, declared: StepDecl, whole: t.Type, path: Path
) -> nodes.OnFailure:
    match declared.on_failure:
        case "fail":
            return nodes.Fail()
        case "optional":
            return nodes.Optional()
        case FallbackDecl(fallback=value):
            at = (*path, "on_failure", "fallback")
            if declared.batch is None and declared.for_each is None:
                return _whole_fallback(site, operation, value, at)
            found = type_of_value(value)
            if not fits(found, whole):
                site.notebook.at(
                    site.document, at, f"the fallback is {brief(found)}, the step {brief(whole)}",
                    "Give a value of the step's type.",
                )  # fmt: skip
            return nodes.Fallback(value, value)


def _whole_fallback(site: Site, operation: Operation, value: Any, at: Path) -> nodes.OnFailure:
    schema = operation.returns
    try:
        validated = schema.validate_value(value)
    except ValueError as error:
        site.notebook.at(
            site.document, at, f"the fallback does not fit {schema.name}: {error}",
            "Give a value that the operation could have returned.",
        )  # fmt: skip
        return nodes.Optional()
    return nodes.Fallback(schema.to_json(validated), validated)


def _report_unknown(site: Site, call: str, path: Path, services: Services) -> None:
    service, _, operation = call.partition(".")
    if call in services.broken or service in services.unread:
        return  # its own file's problems say why
    if service not in services.services:
        what, known = f"unknown service '{service}'", list(services.services)
        site.notebook.at(site.document, path, what, known_names(service, known))
        return
    known = [
        name.partition(".")[2]
        for name in (*services.operations, *services.broken)
        if name.startswith(f"{service}.")
    ]
    what = f"{service} has no operation '{operation}'"
    site.notebook.at(site.document, path, what, known_names(operation, known))


# ------------------------------------------------------------------------------ who waits for whom


def _waits_for(
    document: Document[CompositionFile], name: str, notebook: Notebook, *, writes: bool
) -> list[str]:
    """The steps that this one refers to or names in `after`, in declared order."""
    declared = document.model.steps
    step = declared[name]
    found = set(_names_in([step.when, step.with_, step.for_each and step.for_each.over]))
    for index, other in enumerate(step.after):
        if other in declared:
            found.add(other)
        else:
            at: Path = ("steps", name, "after", index)
            notebook.at(document, at, f"unknown step '{other}'", known_names(other, declared))
    if step.for_each is not None:
        found.discard(step.for_each.as_)
    names = [other for other in declared if other in found]
    if writes:
        before = list(declared)[: list(declared).index(name)]
        for other in names:
            if other not in before:
                notebook.at_key(
                    document, ("steps", name), f"'{name}' needs '{other}', which runs after it",
                    "Steps of a composition that writes run in declared order: move it up.",
                )  # fmt: skip
        return before
    return names


def _names_in(value: Any) -> Iterable[str]:
    """The root names that a declared value's expressions read; broken ones are told later."""
    match value:
        case str():
            try:
                parts = split_template(value)
                sources = [part.source for part in parts if isinstance(part, Embedded)]
                for source in sources:
                    yield from (path[0] for path in static_reads(parse_expression(source)) if path)
            except ExpressionSyntaxError:
                return
        case dict():
            for part in value.values():
                yield from _names_in(part)
        case list():
            for part in value:
                yield from _names_in(part)


def _roots(step: nodes.Step) -> frozenset[str]:
    templates = [binding.template for binding in step.bindings]
    templates += [step.when, step.for_each.over if step.for_each else None]
    return frozenset().union(*(each.roots for each in templates if each is not None))
