"""What statuses mean: those of services to a step, and those of errors to a client."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from bff.declarations.declaration import Declaration, Violation, check_keys, refusal
from bff.declarations.models.forms import EmbeddedExpression, check_embedded

_ERROR_STATUSES = frozenset(status.value for status in HTTPStatus if status >= 400)


def _error_status(value: Any) -> Any:
    """A status of HTTP's registry that means an error."""
    if type(value) is int and value in _ERROR_STATUSES:
        return value
    what = f"{value} is no status of an error" if type(value) is int else "this is no status"
    raise refusal(Violation(what, "Write one between 400 and 599 that HTTP knows: 404, 422, 503."))


ErrorStatus = Annotated[int, BeforeValidator(_error_status)]

# RFC 9457 §3.1, and what the gateway itself puts beside them.
_STANDARD_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})
_OWN_MEMBERS = frozenset({"reason", "step", "steps", "request_id"})


def _member_violation(name: str) -> Violation | None:
    """Why `with` of an error reply can't have a member of this name, if so."""
    if name in _STANDARD_MEMBERS:
        what = f"'{name}' is a member that RFC 9457 gives its own meaning"
    elif name in _OWN_MEMBERS:
        what = f"'{name}' is a member that the gateway sets"
    else:
        return None
    return Violation(what, "Choose another name.")


class ErrorReplyDecl(Declaration):
    """The composition ends with the status `reply` and a problem document, which has what is in
    `with` for further members."""

    reply: ErrorStatus
    with_: dict[str, Any] = Field(default={}, alias="with")

    def violations(self) -> Iterator[Violation]:
        yield from check_keys("with", self.with_, _member_violation)


def _statuses(value: Any, info: ValidationInfo) -> Any:
    """`{404: null, 409: fail, 422: {reply: 422}}`. Mappings are read here, before pydantic looks
    inside."""
    if not isinstance(value, dict):
        return value
    found = [
        Violation(
            f"'{key}' is no status that can be overridden", "They are 204, 205 and 300 to 599.",
            (key,), at_key=True,
        )
        for key in value
        if not (key in ("204", "205") or (len(key) == 3 and key.isdecimal() and "3" <= key < "6"))
    ]  # fmt: skip
    found += [
        Violation(
            "a status means null, fail or {reply: …}",
            "Write null without quotes, fail, or {reply: 422}.",
            (key,),
        )
        for key, meaning in value.items()
        if not (meaning is None or meaning == "fail" or isinstance(meaning, dict))
    ]
    if found:
        raise refusal(*found)
    return {
        key: ErrorReplyDecl.model_validate(meaning, context=info.context)
        if isinstance(meaning, dict)
        else meaning
        for key, meaning in value.items()
    }


StatusMeanings = Annotated[
    dict[str, Literal["fail"] | ErrorReplyDecl | None], BeforeValidator(_statuses)
]


def _error_schemas(value: Any) -> Any:
    """`{422: schemas.x:Problems}`: pydantic looks at the values."""
    if not isinstance(value, dict):
        return value
    found = [
        Violation(
            f"'{key}' is no status whose body could be described here", "They are 300 to 599.",
            (key,), at_key=True,
        )
        for key in value
        if not (len(key) == 3 and key.isdecimal() and "3" <= key < "6")
    ]  # fmt: skip
    if found:
        raise refusal(*found)
    return value


def _fail_when(value: Any, info: ValidationInfo) -> Any:
    """A text is the condition. A mapping is read here, before pydantic looks inside."""
    match value:
        case dict():
            return FailWhenDecl.model_validate(value, context=info.context)
        case str():
            return check_embedded(value)
        case None:
            return None
    mend = "Write ${reply.error}, or {when: '${reply.error}', status: 404}."
    raise refusal(Violation("this is no condition", mend))


class FailWhenDecl(Declaration):
    """The replies, of those that say 2xx, that report a failure; `status` is the one that they
    would have if they said it in HTTP."""

    when: EmbeddedExpression
    status: ErrorStatus | None = None


ErrorSchemas = Annotated[dict[str, str], BeforeValidator(_error_schemas)]
FailWhen = Annotated[str | FailWhenDecl, BeforeValidator(_fail_when)]
