"""The roots of expressions: the names that an expression finds, and the types of their values.

in a step, a join, a tag    params, claims, headers, and each step
in a response or a view     the same, and `degraded`
in the tags of replies      the operation's own params, and `reply`
in `fail_when`              `reply` alone, which may be anything
in `caller_headers`         `claims` alone
in an error reply's `with`  what the step's own expressions see, and `error`
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bff.declarations.documents import Document
from bff.declarations.models.composition import CompositionFile
from bff.errors import EvaluationError
from bff.plan.model.expressions import HEADERS, Places, Template
from bff.plan.model.service import CompositionParam, OperationParam
from bff.plan.types import kinds as t
from bff.plan.types.algebra import may_be_null, nullable, without_null

CLAIMS = "claims"
ERROR = "error"

# Without a declared type, each claim may be anything, or null for a caller without it.
UNKNOWN_CLAIMS = t.ObjectOf((), extra=t.ANYTHING, name=CLAIMS)
_DEGRADED_TYPE = t.ListOf(
    t.ObjectOf((("step", t.Field(t.STRING)), ("reason", t.Field(t.STRING))), name="Degraded")
)


def root_of_steps(
    document: Document[CompositionFile],
    inputs: Mapping[str, t.Type],
    steps: Mapping[str, t.Type],
    headers: t.ObjectOf | None,
) -> t.ObjectOf:
    """What the expressions of steps, joins and tags see. `inputs` are the types of `params` and
    `claims`; `headers` is the type of those of the steps' replies, where any are declared."""
    inputs = {**inputs, HEADERS: headers} if headers is not None else inputs
    # a step that is wrongly called `params` hides none
    fields = (*inputs.items(), *(each for each in steps.items() if each[0] not in inputs))
    return t.ObjectOf(_fields(fields), None if document.knows(("steps",)) else t.ANYTHING)


def root_of_responses(of_steps: t.ObjectOf) -> t.ObjectOf:
    """What the expressions of responses and views see, beside what those of steps do."""
    return t.ObjectOf((*of_steps.fields, *_fields([("degraded", _DEGRADED_TYPE)])), of_steps.extra)


def root_of_claims(claims: t.ObjectOf) -> t.ObjectOf:
    """What the roles and scopes of callers are found in, what `caller_headers` see, and conditions
    of access where no params are declared."""
    return t.ObjectOf(_fields([(CLAIMS, claims)]))


def root_of_access(params: t.Type, claims: t.ObjectOf) -> t.ObjectOf:
    """What the condition of a composition's access sees."""
    return t.ObjectOf(_fields([("params", params), (CLAIMS, claims)]))


def root_of_reply(params: Sequence[OperationParam], reply: t.Type, *, is_known: bool) -> t.ObjectOf:
    """What the tags of a reply see: the operation's params as they are sent, where one that is
    left out is null, and the reply. `is_known` states whether these are all the params."""
    sent = t.ObjectOf(
        _fields(
            (param.name, param.type if param.required else nullable(param.type)) for param in params
        ),
        None if is_known else t.ANYTHING,
        t.PARAMS_NAME,
    )
    return t.ObjectOf(_fields([("params", sent), ("reply", reply)]))


def root_of_page(reply: t.Type) -> t.ObjectOf:
    """What the items and the cursor of a page are found in."""
    return t.ObjectOf(_fields([("reply", reply)]))


def root_of_judgement() -> t.ObjectOf:
    """What `fail_when` sees: a body that nothing is known of yet."""
    return t.ObjectOf(_fields([("reply", t.ANYTHING)]))


def root_of_error_reply(of_step: t.ObjectOf, error: t.Type) -> t.ObjectOf:
    """What the members of a problem document see, beside what the step's own expressions do: the
    body of the error."""
    fields = (each for each in of_step.fields if each[0] != ERROR)  # of a step wrongly called so
    return replace(of_step, fields=(*fields, (ERROR, t.Field(error))))


def type_of_params(
    document: Document[CompositionFile], params: Iterable[CompositionParam]
) -> t.Type:
    """The type of `params`: an object of a composition's params."""
    if not document.knows(("params",)):
        return t.ANYTHING
    return t.ObjectOf(tuple((param.name, _field_of(param)) for param in params), name=t.PARAMS_NAME)


def _field_of(param: CompositionParam) -> t.Field:
    """A param that the client may leave out is absent then. Only a body has a null."""
    if param.required or param.default is not None:
        return t.Field(param.type)
    present = param.type if param.location == "body" else without_null(param.type)
    return t.Field(present, required=False)


def may_give_null(template: Template) -> bool:
    """Whether null may be among the template's values. A value that may be anything may be null; of
    one that may be anything because claims are, its value for a caller without claims decides."""
    if template.type != t.ANYTHING:
        return may_be_null(template.type)
    if "?" in template.roots:  # it has a problem
        return False
    if CLAIMS not in template.roots:
        return True
    try:
        return template.evaluate({CLAIMS: {}}) is None
    except EvaluationError:
        return False


def roots_of(reads: Places) -> frozenset[str]:
    """The root names that static reads begin with; who reads a header of a step's reply reads the
    step."""
    of_headers = (path[1] for path in reads if path[0] == HEADERS and len(path) > 1)
    return frozenset(path[0] for path in reads).union(of_headers)


def with_each_step(reads: Places, root: t.ObjectOf) -> Places:
    """The reads, with the headers of each step in place of all headers."""
    if (HEADERS,) not in reads:
        return reads
    steps = next((each.type for name, each in root.fields if name == HEADERS), t.ANYTHING)
    names = [name for name, _ in steps.fields] if isinstance(steps, t.ObjectOf) else []
    return reads | {(HEADERS, name) for name in names}


def _fields(types: Iterable[tuple[str, t.Type]]) -> tuple[tuple[str, t.Field], ...]:
    return tuple((name, t.Field(each)) for name, each in types)
