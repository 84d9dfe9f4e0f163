"""What a step sends: each operation param bound to a template, a default, or nothing."""

from collections.abc import Mapping
from typing import Any

from bff.declarations.hints import known_names
from bff.plan.nodes import Binding, Template
from bff.plan.problems import Path
from bff.plan.service_nodes import Operation, OperationParam
from bff.plan.type_algebra import brief, fits, may_be_null, without_null
from bff.plan.values import Site, compile_value, is_constant


def compile_bindings(
    site: Site, operation: Operation, declared: Mapping[str, Any], path: Path
) -> tuple[Binding, ...]:
    """Compile a step's `with:`; `path` is the step's. Problems go to the site's notebook."""
    params = {param.name: param for param in operation.params}
    for name in declared:
        if name not in params:
            site.notebook.at_key(
                site.document, (*path, "with", name),
                f"{operation.name} has no param '{name}'", known_names(name, params),
            )  # fmt: skip
    bindings: list[Binding] = []
    for name, param in params.items():
        if name in declared:
            at = (*path, "with", name)
            template = compile_value(site, declared[name], at)
            _check_fit(site, param, template, at)
            bindings.append(Binding(param, template))
        elif must_be_bound(param):
            site.notebook.at(
                site.document, (*path, "call"), f"{operation.name} needs the param '{name}'",
                f"Bind it: with: {{{name}: …}}.",
            )  # fmt: skip
        else:
            bindings.append(Binding(param, None))
    return tuple(bindings)


def must_be_bound(param: OperationParam) -> bool:
    """Whether there is no call without a value for the param."""
    return param.location == "path" or (param.required and param.default is None)


def may_skip(bindings: tuple[Binding, ...]) -> bool:
    """Whether a null could keep the step from being called (semantic 3 of the design)."""
    return any(
        binding.template is not None
        and (binding.param.location == "path" or binding.param.required)
        and may_be_null(binding.template.type)
        for binding in bindings
    )


def _check_fit(site: Site, param: OperationParam, template: Template, path: Path) -> None:
    wanted = without_null(param.type)
    if is_constant(template):
        value = template.evaluate({})
        try:
            if value is not None:
                param.check(value)
        except ValueError as error:
            site.notebook.at(site.document, path, f"{param.name} {error}")
    elif not fits(without_null(template.type), wanted):
        site.notebook.at(
            site.document, path,
            f"{brief(template.type)} does not fit the param '{param.name}',"
            f" which takes {brief(wanted)}",
        )  # fmt: skip
