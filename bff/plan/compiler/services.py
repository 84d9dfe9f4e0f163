"""Compiles services and their operations: splits paths, checks params, resolves schemas."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from urllib.parse import quote

from bff.declarations.documents import Document
from bff.declarations.models.service import OperationDecl, ServiceFile
from bff.declarations.models.statuses import FailWhenDecl
from bff.declarations.project import SERVICES, ProjectFiles
from bff.errors import Problem
from bff.plan.compiler.additions import as_sent, compile_additions
from bff.plan.compiler.caching import compile_reply_caching
from bff.plan.compiler.disclosures import compile_disclosure
from bff.plan.compiler.links import compile_link
from bff.plan.compiler.roots import root_of_judgement, root_of_reply
from bff.plan.compiler.values import compile_single, is_constant, scope_within
from bff.plan.decoding.decoders import GIVES, Decoding, compile_decoder, takes_decoding
from bff.plan.digests import digest_of
from bff.plan.model.caching import ReplyCaching
from bff.plan.model.service import (
    ErrorBody,
    FailWhen,
    Operation,
    OperationParam,
    ReplyHeader,
    Schema,
    Service,
)
from bff.plan.params.bodies import body_format
from bff.plan.params.compile import SCALARS, compile_operation_params
from bff.plan.params.texts import READERS
from bff.plan.reporter import Path, Reporter
from bff.plan.schemas.annotations import UnknownSchema
from bff.plan.schemas.library import PydanticSchema, SchemaLibrary
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, is_list

_IN_QUERY = "%!$&'()*+,;=:@/?"  # what a query holds as it is (RFC 3986 §3.4)
_PATH_PARAM = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Services:
    """Every service and every operation, by name, as far as they are known.

    `caching` is how replies of operations are cached, where declared; `documents` are the files.

    `unsure` are operations whose params are not all known; a binding to one is no problem of its
    own. `unread` are services whose operations are not known; a call of one is no problem of its
    own. `stand_in` stands for an operation that is not known: it returns anything.
    """

    services: Mapping[str, Service]
    operations: Mapping[str, Operation]
    caching: Mapping[str, ReplyCaching]
    documents: Mapping[str, Document[ServiceFile]]
    unsure: frozenset[str]
    unread: frozenset[str]
    stand_in: Operation

    def knows_errors(self, operation: str) -> bool:
        """Whether the `errors` of an operation are what its file means."""
        service, _, name = operation.partition(".")
        return self.documents[service].knows(("operations", name, "errors"))


def compile_services(
    files: ProjectFiles,
    schemas: SchemaLibrary,
    problems: list[Problem],
    warnings: list[Problem],
    namespace: str,
    claims: t.ObjectOf,
) -> Services:
    """Compile every service file; one with problems as far as it is known. `namespace` is the key
    of secrets' fingerprints, `claims` the type of those of any caller."""
    services: dict[str, Service] = {}
    operations: dict[str, Operation] = {}
    caching: dict[str, ReplyCaching] = {}
    unsure: set[str] = set()
    unread = _without_document(files)
    default_timeout = files.gateway.model.defaults.timeout
    for name, document in files.services.items():
        declared = document.model
        reporter = Reporter(document, problems, warnings=warnings)
        timeout = declared.timeout or default_timeout
        additions = compile_additions(reporter)
        services[name] = Service(
            name,
            declared.instance_urls,
            timeout,
            compile_link(reporter, files.folder),
            declared.compression == "on",
            additions,
            compile_disclosure(reporter, claims),
        )
        if not document.knows(("operations",)):
            unread.add(name)
        for operation_name in declared.operations:
            full_name = f"{name}.{operation_name}"
            operation = _compile_operation(reporter, operation_name, name, timeout, schemas)
            operation = as_sent(operation, services[name], namespace)
            operations[full_name] = operation
            found = _compile_caching(reporter, operation_name, operation)
            if found is not None:
                caching[full_name] = found
            if not _has_sound_params(document, operation_name):
                unsure.add(full_name)
    return Services(
        services,
        operations,
        caching,
        files.services,
        frozenset(unsure),
        frozenset(unread),
        Operation(
            "",
            "",
            "",
            (),
            "",
            (),
            None,
            schemas.anything,
            False,
            default_timeout,
            False,
            "",
            "json",
            compile_decoder("json", t.ANYTHING, ","),
        ),
    )


def _without_document(files: ProjectFiles) -> set[str]:
    """The services whose files are no YAML."""
    broken = {FilePath(problem.place.file) for problem in files.problems}
    return {file.stem for file in broken if file.parts[0] == SERVICES} - files.services.keys()


def _has_sound_params(document: Document[ServiceFile], name: str) -> bool:
    return all(document.is_sound(("operations", name, key)) for key in ("request", "params"))


def _compile_operation(
    reporter: Reporter[ServiceFile],
    name: str,
    service: str,
    service_timeout: float,
    schemas: SchemaLibrary,
) -> Operation:
    path = ("operations", name)
    declared = reporter.document.model.operations[name]
    method, _, target = declared.request.partition(" ")
    target, _, query = target.partition("?")
    params = compile_operation_params(reporter, path, declared, schemas)
    by_name = {param.name: param for param in params}
    returns = _compile_returns(reporter, path, declared, schemas)
    errors = {
        int(status): _error_body(reporter, (*path, "errors", status), declared, reference, schemas)
        for status, reference in declared.error_types.items()
    }
    return Operation(
        name=f"{service}.{name}",
        service=service,
        method=method,
        path=_split_path(target, by_name)
        if _has_sound_params(reporter.document, name)
        else (target,),
        query=quote(query, safe=_IN_QUERY),
        params=params,
        body=body_format(declared.params, declared.locations(), declared.content_type),
        returns=returns,
        returns_list=is_list(returns.type),
        timeout_seconds=declared.timeout or service_timeout,
        writes=declared.effect == "writes",
        digest=_digest(
            f"{service}.{name}", declared, (returns, *(each.schema for each in errors.values()))
        ),
        reply_format="none" if declared.returns_nothing else declared.decode,
        decode=compile_decoder(declared.decode, returns.input_type, declared.delimiter),
        decodes_first=declared.decode != "json",
        drops_invalid=declared.invalid == "drop",
        delimiter=declared.delimiter,
        reply_headers=_compile_reply_headers(declared),
        errors=errors,
        fail_when=_compile_fail_when(reporter, (*path, "fail_when"), declared),
    )


def _compile_caching(
    reporter: Reporter[ServiceFile], name: str, operation: Operation
) -> ReplyCaching | None:
    path = ("operations", name)
    declared = reporter.document.model.operations[name].cache
    if declared is None:
        return None
    is_known = _has_sound_params(reporter.document, name)
    root = root_of_reply(operation.params, operation.returns.type, is_known=is_known)
    return compile_reply_caching(reporter, operation, declared, root, (*path, "cache"))


def _error_body(
    reporter: Reporter[ServiceFile],
    path: Path,
    declared: OperationDecl,
    reference: str,
    schemas: SchemaLibrary,
) -> ErrorBody:
    """The body of an error: XML where the operation's replies are, and else JSON."""
    schema = _resolve(reporter, path, reference, schemas)
    decoding: Decoding = "xml" if declared.decode == "xml" else "json"
    _check_decoding(reporter, path, decoding, schema)
    return ErrorBody(schema, compile_decoder(decoding, schema.input_type, declared.delimiter))


def _compile_fail_when(
    reporter: Reporter[ServiceFile], path: Path, declared: OperationDecl
) -> FailWhen | None:
    scope = scope_within(reporter, root_of_judgement())
    match declared.fail_when:
        case None:
            return None
        case FailWhenDecl(when=text, status=status):
            path = (*path, "when")
        case str(text):
            status = None
    condition = compile_single(scope, text, path)
    if is_constant(condition):
        scope.report(
            path, "this reads nothing of the reply, so it is always the same",
            "Name a field of the reply: ${reply.error}.",
        )  # fmt: skip
    return FailWhen(condition, status)


def _digest(full_name: str, declared: OperationDecl, schemas: Iterable[Schema]) -> str:
    """Changes whenever anything that shapes a reply changes, except where the service is. The name
    separates services that declare the same operation."""
    return digest_of(
        [
            full_name,
            declared.model_dump(mode="json", by_alias=True),
            *(schema.digest for schema in schemas),
        ]
    )


def _compile_returns(
    reporter: Reporter[ServiceFile], path: Path, declared: OperationDecl, schemas: SchemaLibrary
) -> PydanticSchema:
    if declared.returns_nothing:
        return schemas.nothing
    schema = _resolve(reporter, (*path, "returns"), declared.returns, schemas)
    _check_decoding(reporter, (*path, "returns"), declared.decode, schema)
    if declared.invalid == "fail" or schema is schemas.anything:
        return schema
    dropping = schema.dropping()
    if not dropping.drops:
        reporter.report_key(
            (*path, "invalid"), f"{schema.name} has no list whose elements could be left out",
            "Leave `invalid` out.",
        )  # fmt: skip
    return dropping


def _check_decoding(
    reporter: Reporter[ServiceFile], path: Path, decoding: Decoding, schema: PydanticSchema
) -> None:
    """Report a type at `path` that takes nothing that the decoding gives."""
    if takes_decoding(decoding, schema.input_type):
        return
    gives = GIVES[decoding]
    reporter.report(
        path, f"{decoding} gives {gives}, and this is {brief(schema.input_type)}",
        f"Name a type that takes {gives}.",
    )  # fmt: skip


def _compile_reply_headers(declared: OperationDecl) -> tuple[ReplyHeader, ...]:
    return tuple(
        ReplyHeader(
            name,
            each.name.lower().encode(errors="replace"),  # what is no name is reported
            SCALARS[each.type],
            None if each.rel is None else each.rel.lower(),
            str if each.type == "string" else READERS[each.type],
        )
        for name, each in declared.reply_headers.items()
    )


def _resolve(
    reporter: Reporter[ServiceFile], path: Path, reference: str, schemas: SchemaLibrary
) -> PydanticSchema:
    if not reporter.knows(path):
        return schemas.anything
    try:
        return schemas.resolve(reference)
    except UnknownSchema as unknown:
        if unknown.place is None:  # else the module has a problem of its own
            reporter.report(path, unknown.what, unknown.mend)
        return schemas.anything


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
