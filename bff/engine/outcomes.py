"""What a step came to. Upstream trouble is a value; only bugs and cancellation raise.

`Reason` names every way in which a step can fail, with the RFC 9209 error type that
`Proxy-Status` tells and the status that a client gets when the step was required.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal


class Reason(Enum):
    """Why a step failed: (public word, RFC 9209 §2.3 error type, status when required).

    The word stands in `degraded` and in problem documents.
    """

    DEADLINE = ("deadline", "http_response_timeout", 504)
    TIMEOUT = ("timeout", "http_response_timeout", 504)
    CONNECT_TIMEOUT = ("connect_timeout", "connection_timeout", 504)
    REFUSED = ("refused", "connection_refused", 502)
    UNRESOLVED = ("unresolved", "dns_error", 502)
    DISCONNECTED = ("disconnected", "connection_terminated", 502)
    INCOMPLETE = ("incomplete", "http_response_incomplete", 502)
    PROTOCOL = ("protocol", "http_protocol_error", 502)
    TOO_LARGE = ("too_large", "http_response_body_size", 502)
    ENCODED = ("encoded", "http_response_content_coding", 502)
    STATUS = ("status", "http_request_error", 502)  # the upstream's status, see `Failed.status`
    INVALID = ("invalid", "http_protocol_error", 502)  # not JSON, or not the declared schema
    TOO_MANY = ("too_many", "http_request_error", 502)  # more elements than `max`
    EXPRESSION = ("expression", "proxy_internal_response", 502)  # a value no function takes
    BAD_INPUT = ("bad_input", "http_request_denied", 502)  # a value the operation's param refuses

    def __init__(self, word: str, proxy_error: str, client_status: int) -> None:
        self.word = word
        self.proxy_error = proxy_error
        self.client_status = client_status


@dataclass(frozen=True, slots=True)
class Value:
    """The step has a value, in the forms that someone reads: its JSON form for expressions, joins
    and views; its serialised text where it goes out whole. Both None where `statuses` made it null.
    """

    json: Any = None
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step was not called and is null; `complete` is False when a failed input caused it."""

    reason: Literal["when", "null input"]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed. `status` is the upstream's where it answered; `detail` is for the log
    alone and never reaches a client; `was_sent` says that the request may have been received."""

    reason: Reason
    status: int | None = None
    retry_after: str | None = None
    detail: str = ""
    was_sent: bool = True


Outcome = Value | Skipped | Failed
