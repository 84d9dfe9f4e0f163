"""The outcomes of steps. Upstream trouble is a value; only bugs and cancellation raise.

`Reason` names every way in which a step can fail, with the RFC 9209 error type for `Proxy-Status`
and the client's status when the step was required.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from msgspec import Struct

from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.service import Dropped


class Reason(Enum):
    """Why a step failed: (public word, RFC 9209 §2.3 error type, client's status, explanation).

    The word stands in `degraded` and in problem documents; the explanation is for people.
    """

    DEADLINE = ("deadline", "http_response_timeout", 504, "it was not there by the deadline")
    TIMEOUT = ("timeout", "http_response_timeout", 504, "its service did not reply in time")
    CONNECT_TIMEOUT = (
        "connect_timeout",
        "connection_timeout",
        504,
        "no connection to its service came about in time",
    )
    REFUSED = ("refused", "connection_refused", 502, "its service refuses connections")
    UNRESOLVED = ("unresolved", "dns_error", 502, "its service's name is unknown")
    DISCONNECTED = ("disconnected", "connection_terminated", 502, "its service hung up")
    INCOMPLETE = ("incomplete", "http_response_incomplete", 502, "its service's reply broke off")
    PROTOCOL = ("protocol", "http_protocol_error", 502, "its service's reply is not HTTP")
    TOO_LARGE = ("too_large", "http_response_body_size", 502, "its service's reply is too large")
    ENCODED = (
        "encoded",
        "http_response_content_coding",
        502,
        "its service's reply can't be decoded",
    )
    # The upstream's status, see `Failed.status`.
    STATUS = ("status", "http_request_error", 502, "its service answered with an error")
    # The body says so: the operation's `fail_when`.
    REPORTED = ("reported", "http_request_error", 502, "its service reported an error")
    # An authorization server gives the gateway no token for the service.
    NO_TOKEN = ("no_token", "proxy_internal_error", 502, "the gateway may not ask its service")
    # Of the caller's own: none is there to be sent, or the authorization server refuses it.
    NO_CALLER_TOKEN = (
        "no_caller_token",
        "http_request_denied",
        401,
        "its service wants a token of the caller's own, and there is none",
    )
    CALLER_REFUSED = (
        "caller_refused",
        "http_request_denied",
        403,
        "its authorization server refuses the caller's token",
    )
    # A header of the service's `caller_headers` can't hold it.
    BAD_CLAIM = ("bad_claim", "http_request_denied", 502, "its service can't be sent a claim")
    # Not JSON, or not the declared schema.
    INVALID = ("invalid", "http_protocol_error", 502, "its service's reply breaks its schema")
    TOO_MANY = ("too_many", "http_request_error", 502, "it would take more calls than it may make")
    # A cursor or a link that leads in a circle, to another path, or nowhere.
    BAD_PAGE = ("bad_page", "http_protocol_error", 502, "its service's pages don't lead on")
    EXPRESSION = ("expression", "proxy_internal_response", 502, "an expression can't take a value")
    # A value or a payload that the gateway would have to build.
    VALUE_TOO_LARGE = ("too_large", "proxy_internal_response", 502, "it would be too large")
    # A value that the operation's param refuses: a step's, or the client's own.
    BAD_INPUT = ("bad_input", "http_request_denied", 502, "its service can't be sent a value")
    BAD_PARAM = ("bad_params", "http_request_denied", 400, "its service can't be sent a param")

    def __init__(self, word: str, proxy_error: str, client_status: int, explanation: str) -> None:
        self.word = word
        self.proxy_error = proxy_error
        self.client_status = client_status
        self.explanation = explanation


class Unread(Enum):
    """Stands for a body that was not read; null is a body."""

    UNREAD = "unread"


UNREAD = Unread.UNREAD


def reason_of(error: EvaluationError) -> Reason:
    """The reason for which an evaluation failed."""
    return Reason.VALUE_TOO_LARGE if isinstance(error, TooLargeError) else Reason.EXPRESSION


class Value(Struct, frozen=True):
    """The step has a value, in the forms that are needed: its JSON form for expressions, joins and
    views, and its serialised text where it goes out whole. Both are None where `statuses` made it
    null. `headers` are those of its reply that count, by their names in expressions; `dropped` are
    elements of lists that were left out."""

    json: Any = None
    text: bytes | None = None
    headers: Mapping[str, Any] | None = None
    dropped: Dropped | None = None


def dropped_in(parts: Iterable[Value]) -> Dropped | None:
    """What was left out of a value of these parts."""
    found = [part.dropped for part in parts if part.dropped is not None]
    return Dropped(sum(each.elements for each in found), found[0].detail) if found else None


NULL: Final = Value()
EMPTY_LIST: Final = Value([], b"[]")


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step was not called and is null; `complete` is False when a failed input caused it."""

    reason: Literal["when", "null input", "empty input"]
    complete: bool = True


Credential = Literal["caller", "gateway", "none"]


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed. `status` is the upstream's where it answered. `detail` is for the log and
    never reaches a client. `was_sent` is True where the request may have been received. `refused`
    is the client's param that can't be sent, and the reason (`BAD_PARAM`). `stand_in` is an earlier
    value of the same call that the run may use instead; or, where it `lacks_parts`, what the step
    has beside those of its calls that failed, or beyond its bounds. `reported_status` is the one
    that `fail_when` gives the reply (`REPORTED`), or that a caller earns who was not let in before
    the call (`NO_CALLER_TOKEN`, `CALLER_REFUSED`). `error` is the body of the error in its JSON
    form, where an error reply reads it, and `UNREAD` where it breaks its schema, or there is none.
    `credential`: whose was sent, and so who is refused; the caller's counts where both were.
    `challenge` is the `WWW-Authenticate` that came for the caller."""

    reason: Reason
    status: int | None = None
    retry_after: str | None = None
    detail: str = ""
    was_sent: bool = True
    refused: tuple[str, str] | None = None
    stand_in: Value | None = None
    reported_status: int | None = None
    error: Any = UNREAD
    lacks_parts: bool = False
    credential: Credential = "none"
    challenge: str | None = None

    @property
    def judged_status(self) -> int | None:
        """The status that decides what the failure means; None where it has none."""
        match self.reason:
            case Reason.STATUS:
                return self.status
            case Reason.REPORTED:
                return self.reported_status
            case _:
                return None


Outcome = Value | Skipped | Failed


def has_own_value(outcome: Outcome | None) -> bool:
    """Whether the step's value, be it null, is its own, and nothing that stands in for it."""
    match outcome:
        case Value() | Skipped(complete=True):
            return True
        case Failed(stand_in=stand_in, lacks_parts=lacks_parts):
            return stand_in is not None and not lacks_parts
        case _:
            return False
