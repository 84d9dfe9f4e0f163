"""From a reply to a part of its step's value: the status judged, the body validated and written.

**How long the event loop can be held.** pydantic-core holds the GIL for the whole of a call, so a
thread doesn't shorten one. The event loop runs between the calls (parse, JSON form, text) and
between the bytecodes of validators, expressions and joins. The time depends on the number of
objects and lists as much as on the bytes. So a body's *weight* is its bytes, or 40 for each object
and list where that is more (a list of orders has about 60). Longest holds measured, for bodies of
each kind at the limit (on an idle machine; twice as long where others compete for the core):

    on the loop     up to 64 KiB              1 ms products of 110 bytes, 25 ms `{"a":1}` × 8,000,
                                              45 ms as many of a union of four models
                    weight up to 256 KiB      5 ms products
    in the thread   weight up to 4 MiB        40 ms products, 70 ms `{"a":1}` × 100,000,
                                              170 ms an object of 380,000 keys,
                                              240 ms 100,000 of a union of four models
    above           Failed(TOO_LARGE)         3 ms, to count

What isn't JSON is decoded and read in the thread, however small it is: decoding is Python's own
code, between whose bytecodes the loop runs.

These are pydantic's. A fast reader (see `bff.plan.schemas.fast_readers`) takes less time, and
pydantic reads again what it refuses: 34 ms and 17 ms for the products and objects in the thread,
210 ms for the keys.

Another request needs several turns of the loop, and may wait for a hold in each: at most 0.45 s
beside 4 MiB of small products, and 0.64 s beside as many bytes of keys or of numbers.

By bytes alone, 4 MiB of `{"a":1}` held the loop for 1.7 s. The cyclic garbage collector is off
while a body is read: it would walk the growing value again and again (4 MiB of products: 62 ms with
it, 40 without). Another process would hold nothing, and cost every heavy body a copy and a pickle.
"""

import gc
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from msgspec import structs
from pydantic_core import from_json

from bff.engine.payload.texts import weigh_reply, write_json
from bff.engine.ports import UpstreamReply
from bff.engine.steps.inputs import is_true
from bff.engine.steps.pages import read_page
from bff.engine.values.outcomes import (
    NULL,
    Credential,
    Failed,
    Reason,
    Value,
    dropped_in,
    reason_of,
)
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.service import FailWhen
from bff.plan.model.steps import Batch, ErrorReply, Fallback, Pages, Step

NOTHING: Final = Value(None, b"null")  # of a reply whose body nobody reads
MOST_ERROR_BYTES: Final = 1024 * 1024  # of the text that an error's body is decoded to
TOO_HEAVY: Final = "more objects and lists than its size allows"


class ReadBody(NamedTuple):
    """What a body came to. `text` is the JSON text that was read, where that isn't the body itself,
    and `weight` is its weight."""

    value: Value | Failed
    weight: int = 0
    text: bytes | None = None


def judge(step: Step, reply: UpstreamReply) -> Value | Failed | None:
    """The part that the reply's head decides; None when the body has to be read."""
    status = reply.status
    if status not in step.statuses:
        if 200 <= status < 300:
            if step.operation.reply_format == "none" and step.operation.fail_when is None:
                return NOTHING
            coding = _coding(reply)
            if coding:
                return Failed(Reason.ENCODED, status, detail=f"content-encoding: {coding[:40]}")
            return None
        return _refused(step, reply)
    meaning = step.statuses[status]
    if meaning == "null":
        return NULL
    if isinstance(meaning, ErrorReply) and meaning.body is not None and not _coding(reply):
        return None
    return _refused(step, reply)


def too_large(step: Step, reply: UpstreamReply, detail: str) -> Failed:
    """The failure of a reply whose body is not read. An error keeps its status."""
    if reply.status in step.statuses:
        return replace(_refused(step, reply), detail=f"the body of the error: {detail}")
    return Failed(Reason.TOO_LARGE, reply.status, detail=detail)


def read_body(step: Step, reply: UpstreamReply) -> Value | Failed:
    """The body as a part of the step's value, or the failure, with what an error reply reads of it.
    Thread-safe."""
    collects = gc.isenabled()  # this and the switches take 0.1 µs
    gc.disable()
    try:
        if reply.status in step.statuses:
            return _read_error(step, reply)
        operation = step.operation
        if operation.fail_when is not None and reply.body:
            reported = _reported(step, operation.fail_when, reply)
            if reported is not None:
                return reported
        if operation.reply_format == "none":
            return NOTHING
        if step.batch is not None:
            return _read_chunk(step, step.batch, reply.body)
        if step.pages is not None:
            return _read_page(step, step.pages, reply)
        return _valid(step, reply.body, json=step.needs_json, text=step.needs_bytes)
    except EvaluationError as error:
        return Failed(reason_of(error), reply.status, detail=str(error))
    except ValueError as error:
        return Failed(Reason.INVALID, reply.status, detail=str(error))
    finally:
        if collects:
            gc.enable()


def read_reply(step: Step, reply: UpstreamReply, decodes_first: bool, most: int) -> ReadBody:
    """A body of any form; the text that it is decoded to may weigh `most`. Thread-safe."""
    if not decodes_first or reply.status in step.statuses:
        read = read_body(step, reply)
        return mend_body(step, reply, read, most) if isinstance(read, Failed) else ReadBody(read)
    text = _decode(step, reply, most)
    return ReadBody(text) if isinstance(text, Failed) else _read_text(step, reply, text, most)


def mend_body(step: Step, reply: UpstreamReply, failed: Failed, most: int) -> ReadBody:
    """A body that `failed` as it came, read as it was meant: in another charset, say."""
    if failed.reason is not Reason.INVALID:
        return ReadBody(failed)
    text = _decode(step, reply, most)
    if isinstance(text, Failed):
        return ReadBody(text)
    return ReadBody(failed) if text == reply.body else _read_text(step, reply, text, most)


def combine(step: Step, parts: Sequence[Value]) -> Value:
    """The value of a step of many calls from its parts, in order. Raises `EvaluationError`: see
    `write_json`."""
    dropped = dropped_in(parts)
    if step.for_each is not None:
        return Value(
            [part.json for part in parts] if step.needs_json else None,
            _bracketed([part.text or b"null" for part in parts]) if step.needs_bytes else None,
            dropped=dropped,
        )
    json, text = None, None
    is_selected = step.batch is not None and step.batch.select is not None
    if step.needs_json or is_selected:
        json = [each for part in parts for each in part.json or ()]
    if step.needs_bytes and is_selected:
        text = write_json(json)
    elif step.needs_bytes:
        lists = [part.text for part in parts if part.text not in (None, b"null", b"[]")]
        text = _bracketed([each[1:-1] for each in lists if each is not None])
    return Value(json, text, dropped=dropped)


def fallback_value(step: Step, fallback: Fallback) -> Value:
    """The declared fallback in the forms that the step's value is needed in."""
    text = None
    if step.needs_bytes and step.is_plain:
        text = step.operation.returns.to_bytes(fallback.validated)
    elif step.needs_bytes:
        text = write_json(fallback.value)
    return Value(fallback.value if step.needs_json else None, text)


def _coding(reply: UpstreamReply) -> str:
    """The content coding that the body still has; empty for none."""
    coding = (reply.header(b"content-encoding") or "").strip()
    return "" if coding.lower() == "identity" else coding


def _refused(step: Step, reply: UpstreamReply) -> Failed:
    wait = reply.header(b"retry-after")
    operation = step.operation
    disclosure, own_sent = operation.disclosure, operation.sends_own_credentials
    if reply.to_caller or (
        disclosure is not None
        and disclosure.is_caller_refused(reply.status, identifies_gateway=own_sent)
    ):
        challenge = reply.header(b"www-authenticate")
        return Failed(Reason.STATUS, reply.status, wait, credential="caller", challenge=challenge)
    own: Credential = "gateway" if own_sent else "none"
    return Failed(Reason.STATUS, reply.status, wait, credential=own)


def _reported(step: Step, rule: FailWhen, reply: UpstreamReply) -> Value | Failed | None:
    """What becomes of a reply that reports a failure; None for one that reports none. With a status
    of its own it is judged like one that came with that. Raises `ValueError` for what is no JSON,
    and `EvaluationError`."""
    if not is_true(rule.condition.evaluate({"reply": from_json(reply.body)})):
        return None
    failed = replace(_refused(step, reply), reason=Reason.REPORTED, reported_status=rule.status)
    if rule.status is None:
        return failed
    if step.statuses.get(rule.status) == "null":
        return NULL
    return _with_error(step, rule.status, failed, reply.body)


def _read_error(step: Step, reply: UpstreamReply) -> Failed:
    """The failure that a status means, with the body that comes with it."""
    failed = _refused(step, reply)
    meaning = step.statuses[reply.status]
    if not isinstance(meaning, ErrorReply) or meaning.body is None:
        return failed
    content_type = reply.header(b"content-type")
    try:
        text = meaning.body.decode(reply.body, content_type, MOST_ERROR_BYTES)
    except (ValueError, TooLargeError) as wrong:
        return replace(failed, detail=f"the body of the error: {wrong}")
    return _with_error(step, reply.status, failed, text)


def _with_error(step: Step, status: int, failed: Failed, text: bytes) -> Failed:
    """The failure with the body of the error, where an error reply reads it and its schema takes
    its JSON text."""
    meaning = step.statuses.get(status)
    if not isinstance(meaning, ErrorReply) or meaning.body is None:
        return failed
    try:
        error, _ = meaning.body.schema.read(text, json=True, text=False)
    except ValueError as wrong:
        return replace(failed, detail=f"the body of the error: {wrong}")
    return replace(failed, error=error)


def _read_text(step: Step, reply: UpstreamReply, text: bytes, most: int) -> ReadBody:
    """The JSON text that a body was decoded to, which has the bound of a reply itself."""
    weight = weigh_reply(text, most)
    if weight > most:
        return ReadBody(too_large(step, reply, TOO_HEAVY))
    return ReadBody(read_body(step, structs.replace(reply, body=text)), weight, text)


def _decode(step: Step, reply: UpstreamReply, most: int) -> bytes | Failed:
    try:
        return step.operation.decode(reply.body, reply.header(b"content-type"), most)
    except TooLargeError as error:
        return Failed(Reason.TOO_LARGE, reply.status, detail=str(error))
    except ValueError as error:
        return Failed(Reason.INVALID, reply.status, detail=str(error))


def _bracketed(texts: list[bytes]) -> bytes:
    return b"[" + b",".join(texts) + b"]"


def _valid(step: Step, body: bytes, *, json: bool, text: bool) -> Value:
    """What the schema takes of a body. Raises `ValueError`."""
    operation = step.operation
    if not operation.drops_invalid:
        return Value(*operation.returns.read(body, json=json, text=text))
    form, written, dropped = operation.returns.read_sound(body, json=json, text=text)
    return Value(form, written, dropped=dropped)


def _read_page(step: Step, pages: Pages, reply: UpstreamReply) -> Value:
    """The part of a step of pages: a `Page`, and the text of its items."""
    is_list = pages.items is None
    whole = _valid(step, reply.body, json=True, text=step.needs_bytes and is_list)
    page = read_page(pages, whole.json, reply.headers)
    if step.needs_bytes and not is_list:
        return structs.replace(whole, json=page, text=write_json(page.items))
    return structs.replace(whole, json=page)


def _read_chunk(step: Step, batch: Batch, body: bytes) -> Value:
    """The part of a batch. A null adds nothing; what is neither null nor a list can't be joined."""
    if batch.select is None:
        part = _valid(step, body, json=step.needs_json, text=step.needs_bytes)
    else:
        part = _valid(step, body, json=True, text=False)
        part = structs.replace(part, json=batch.select.evaluate(part.json))
    text = part.text
    if not isinstance(part.json, list | None) or not (
        text is None or text == b"null" or text.startswith(b"[")
    ):
        raise EvaluationError("a batch joins lists, and one of its replies has no list")
    return part
