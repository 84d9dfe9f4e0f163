"""Requests from values: an operation's params in path, query, headers and body. Pure.

`compile_renderer` computes what needs no values, once per operation. A value that would make
another request than the declared one (a path segment of dots, a comma inside a comma-separated
element, a line break in a header) is refused: a `ValueError`, mostly `Unsendable`, before anything
is sent. The error's text holds no values. Each request is taken from its run's budget.
"""

from collections.abc import Callable
from typing import Any, assert_never
from urllib.parse import quote

from msgspec import Struct
from pydantic_core import to_json

from bff.engine.payload.texts import write_json
from bff.engine.ports import HeaderBlock
from bff.engine.steps.texts import (
    PLAIN,
    Values,
    named_pairs,
    pairs_of,
    plain_text,
    refuse,
    texts_of,
)
from bff.engine.values.limits import HEADER_BYTES, Budget
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.service import BodyFormat, Operation, OperationParam
from bff.plan.params.sendable import (
    ENCODED_SLASH,
    TARGET_BYTES,
    wrong_in_header,
    wrong_in_path,
)
from bff.version import __version__

Headers = tuple[tuple[bytes, bytes], ...]


class StepRequest(Struct, frozen=True):
    """A request without its instance. `target` is the path below the base URL, and the query;
    `values` are the values that it was made from."""

    target: str
    headers: Headers
    body: bytes | None
    values: Values


Renderer = Callable[[Values, Budget], StepRequest]


# Most requests have these and no others.
FIXED_HEADERS = HeaderBlock(
    [
        (b"accept", b"application/json"),
        (b"accept-encoding", b"identity"),  # so that the byte cap counts the reply's size
        (b"user-agent", f"bff/{__version__}".encode()),
    ]
)


def compile_renderer(operation: Operation) -> Renderer:
    """The function that renders the operation's requests; it raises `ValueError`, and
    `TooLargeError` where a request is too long, or longer than what is left of the budget."""
    path, constant = operation.path, operation.query
    query = named_pairs(operation, "query")
    named = tuple(
        (param, param.wire_name.encode())
        for param in operation.params
        if param.location == "header"
    )
    write_body = None if operation.body is None else _body_writer(operation, operation.body)
    with_body: Headers = FIXED_HEADERS
    if operation.body is not None:
        content_type = (b"content-type", operation.body.media_type.encode())
        with_body = HeaderBlock([*FIXED_HEADERS, content_type])

    def render(values: Values, budget: Budget) -> StepRequest:
        target = "".join(
            [
                part if isinstance(part, str) else _path_text(part, values[part.name])
                for part in path
            ]
        )
        pairs = pairs_of(query, values) if query else []
        if constant:
            pairs = [constant, *pairs]
        if pairs:
            target = f"{target}?{'&'.join(pairs)}"
        if len(target) > TARGET_BYTES:
            raise TooLargeError(f"a request's target has more than {TARGET_BYTES} bytes")
        budget.spend(len(target))
        body = None if write_body is None else write_body(values, budget)
        fixed = FIXED_HEADERS if body is None else with_body
        headers = _headers(fixed, named, values, budget) if named else fixed
        return StepRequest(target, headers, body, values)

    return render


def _path_text(param: OperationParam, value: Any) -> str:
    if type(value) is int:  # most are; digits need no look
        return str(value)
    return ",".join([_path_part(param, text) for text in texts_of(param, value, TARGET_BYTES)])


def _path_part(param: OperationParam, text: str) -> str:
    if PLAIN.fullmatch(text):
        return text
    refuse(param, wrong_in_path(text, slash=param.slash))
    if not param.slash:
        return quote(text, safe="")
    parts = ENCODED_SLASH.split(text)  # every second is such a slash, and stays as it is
    return "".join(part if index % 2 else quote(part) for index, part in enumerate(parts))


def _headers(
    fixed: Headers,
    named: tuple[tuple[OperationParam, bytes], ...],
    values: Values,
    budget: Budget,
) -> Headers:
    mine: list[tuple[bytes, bytes]] = []
    for param, name in named:
        if param.name not in values:
            continue
        texts = texts_of(param, values[param.name], HEADER_BYTES)
        if param.style == "comma" and texts:
            texts = [",".join(texts)]
        mine += [(name, _header_value(param, text)) for text in texts]
    size = sum(len(name) + len(value) for name, value in mine)
    if size > HEADER_BYTES:
        raise TooLargeError(f"a request's headers have more than {HEADER_BYTES} bytes")
    budget.spend(size)
    taken = {name for name, _ in mine}
    return (*(each for each in fixed if each[0] not in taken), *mine)


def _header_value(param: OperationParam, text: str) -> bytes:
    """The value in UTF-8, as header params are read. Blanks around it are not part of it (RFC 9110
    §5.5)."""
    refuse(param, wrong_in_header(text))
    return text.strip(" \t").encode()


def _body_writer(
    operation: Operation, body: BodyFormat
) -> Callable[[Values, Budget], bytes | None]:
    """The function that writes a request's body; None for a whole body that is left out."""
    params = [each for each in operation.params if each.location == "body"]
    match body.kind:
        case "fields":
            keys = tuple((param.name, to_json(param.wire_name) + b":") for param in params)
            return lambda values, budget: _fields(keys, values, budget)
        case "form":
            named = named_pairs(operation, "form")
            return lambda values, budget: _spent("&".join(pairs_of(named, values)).encode(), budget)
        case "json":
            (whole,) = params
            return lambda values, budget: (
                _spent(_body_text(values[whole.name]), budget) if whole.name in values else None
            )
        case "text":
            (whole,) = params
            return lambda values, budget: (
                _spent(plain_text(values[whole.name]).encode(), budget)
                if values.get(whole.name) is not None  # a text has no null
                else None
            )
        case _:
            assert_never(body.kind)


def _fields(params: tuple[tuple[str, bytes], ...], values: Values, budget: Budget) -> bytes:
    fields: list[bytes] = []
    for name, key in params:
        if name in values:
            fields.append(_spent(key + _body_text(values[name]), budget))
    return b"{" + b",".join(fields) + b"}"


def _spent(text: bytes, budget: Budget) -> bytes:
    budget.spend(len(text))
    return text


def _body_text(value: Any) -> bytes:
    try:
        return write_json(value)
    except EvaluationError as error:
        raise ValueError(str(error)) from error
