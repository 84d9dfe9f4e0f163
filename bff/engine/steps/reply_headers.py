"""The headers of a reply that count: read by their types, and stored beside its JSON text. Pure.

What is stored of a shared reply is its JSON text, and before it, where a step may read some of its
headers, or its status may have a meaning of its own, a line that has those as they came:

    \\0[["x-total-count", "12"]]\\n{"orders": []}
    \\0[[":status", "204"]]\\nnull
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import structs
from pydantic_core import from_json, to_json

from bff.engine.ports import Headers, UpstreamReply
from bff.engine.steps.link_headers import link_target
from bff.engine.values.outcomes import NULL, Failed, Reason, Value
from bff.plan.model.service import ReplyHeader

_MARK: Final = b"\0"  # no JSON text begins so
_STATUS: Final = b":status"  # no header is called so
_MEANT: Final = frozenset({204, 205})  # what steps' `statuses` name of 2xx; all others are alike


def with_headers(
    headers: Sequence[ReplyHeader], reply: UpstreamReply, value: Value | Failed
) -> Value | Failed:
    """The value with the reply's headers; the failure of a header that is not of its type. What a
    status made null has none."""
    if not headers or isinstance(value, Failed) or value is NULL:
        return value
    try:
        read = {each.name: _read(each, reply.headers) for each in headers}
    except ValueError as error:
        return Failed(Reason.INVALID, reply.status, detail=str(error))
    return structs.replace(value, headers=read)


def stored_text(headers: Sequence[ReplyHeader], reply: UpstreamReply, text: bytes) -> bytes:
    """What is stored of a reply that was read as this JSON text. Links may lead to pages."""
    names = {b"link", *(each.wire_name for each in headers)}
    kept = [(name, value) for name, value in reply.headers if name in names]
    if reply.status in _MEANT:
        kept.insert(0, (_STATUS, str(reply.status).encode()))
    if not kept:
        return text
    lines = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in kept]
    return _MARK + to_json(lines) + b"\n" + text


def stored_reply(stored: bytes) -> UpstreamReply:
    """The reply of which this was stored, with its JSON text for a body."""
    if not stored.startswith(_MARK):
        return UpstreamReply(200, (), stored)
    line, _, text = stored[1:].partition(b"\n")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in from_json(line)]
    status = int(headers.pop(0)[1]) if headers[0][0] == _STATUS else 200
    return UpstreamReply(status, headers, text)


def _read(header: ReplyHeader, headers: Headers) -> Any:
    """The header's value; null where it is absent. Raises `ValueError`."""
    if header.rel is not None:
        return link_target(headers, header.rel)
    lines = [value for name, value in headers if name == header.wire_name]
    if not lines:
        return None
    whole = b", ".join(lines)  # RFC 9110 §5.3
    try:
        text = whole.decode()
    except UnicodeDecodeError:
        text = whole.decode("latin-1")
    try:
        return header.read(text.strip(" \t"))
    except ValueError as error:
        name = header.wire_name.decode("latin-1")
        raise ValueError(f"the header {name} {error}") from None
