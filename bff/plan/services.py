"""Services and their operations, compiled: paths split, params checked, schemas resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from bff.declarations.documents import Document
from bff.declarations.models import OperationDecl, ServiceFile
from bff.declarations.reader import SERVICES, ProjectFiles
from bff.plan.params import compile_operation_params
from bff.plan.problems import Notebook
from bff.plan.schemas import SchemaLibrary, UnknownSchema
from bff.plan.service_nodes import Operation, OperationParam, Service

WRITING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_PATH_PARAM = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Services:
    """Every service and every operation, by name.

    `broken` are operations with problems, `unread` services whose files have them: what refers to
    these is not a problem of its own.
    """

    services: Mapping[str, Service]
    operations: Mapping[str, Operation]
    declared: Mapping[str, OperationDecl]
    broken: frozenset[str]
    unread: frozenset[str]


def compile_services(files: ProjectFiles, schemas: SchemaLibrary, notebook: Notebook) -> Services:
    """Compile every service file; an operation with problems is left out and named `broken`."""
    services: dict[str, Service] = {}
    operations: dict[str, Operation] = {}
    declared_operations: dict[str, OperationDecl] = {}
    broken: set[str] = set()
    default_timeout = files.gateway.model.defaults.timeout
    for name, document in files.services.items():
        declared = document.model
        timeout = declared.timeout or default_timeout
        services[name] = Service(name, declared.instance_urls, timeout)
        for operation_name, operation in declared.operations.items():
            full_name = f"{name}.{operation_name}"
            declared_operations[full_name] = operation
            compiled = _compile_operation(
                document, operation_name, operation, name, timeout, schemas, notebook
            )
            if compiled is None:
                broken.add(full_name)
            else:
                operations[full_name] = compiled
    unread = frozenset(
        FilePath(problem.place.file).stem
        for problem in files.problems
        if problem.place.file.startswith(f"{SERVICES}/")
    )
    return Services(services, operations, declared_operations, frozenset(broken), unread)


def _compile_operation(
    document: Document[ServiceFile],
    name: str,
    declared: OperationDecl,
    service: str,
    service_timeout: float,
    schemas: SchemaLibrary,
    notebook: Notebook,
) -> Operation | None:
    path = ("operations", name)
    found = len(notebook.problems)
    method, _, target = declared.request.partition(" ")
    params = compile_operation_params(document, path, declared, schemas, notebook)
    try:
        returns = schemas.resolve(declared.returns)
    except UnknownSchema as unknown:
        if unknown.place is None:  # else the module's own problem says why
            notebook.at(document, (*path, "returns"), unknown.what, unknown.mend)
        return None
    if len(notebook.problems) > found:
        return None
    return Operation(
        name=f"{service}.{name}",
        service=service,
        method=method,
        path=_split_path(target, {param.name: param for param in params}),
        params=params,
        returns=returns,
        timeout_seconds=declared.timeout or service_timeout,
        writes=method in WRITING_METHODS,
    )


def _split_path(
    target: str, params: Mapping[str, OperationParam]
) -> tuple[str | OperationParam, ...]:
    """`/users/{id}/x` → ("/users/", id, "/x"); the declarations know that each name is a param."""
    pieces: list[str | OperationParam] = []
    for index, text in enumerate(_PATH_PARAM.split(target)):
        if index % 2:
            pieces.append(params[text])
        elif text:
            pieces.append(text)
    return tuple(pieces)
