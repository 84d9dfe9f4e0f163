"""What each of pyreqwest's errors means to the gateway. Pure.

Its classes name the phase, and not always the cause: a total timeout while waiting for the head is
a `ConnectTimeoutError`. Where the class is not enough, the chain of causes is read. Its texts are
hyper's and rustls's. Where a new version changes them, the class decides, and the tests of
transports fail.
"""

from collections.abc import Callable, Mapping
from typing import Final

from pyreqwest import exceptions as px

from bff.engine.values.outcomes import Failed, Reason

_Causes = tuple[str, ...]


def failure_of(error: px.PyreqwestError) -> Failed:
    """The outcome that stands for the error; the nearest class in `READINGS` decides."""
    causes = _causes_of(error)
    detail = causes[-1] if causes else str(error.message)
    for kind in type(error).__mro__:
        if (reading := READINGS.get(kind)) is not None:
            reason, was_sent = reading(causes)
            return Failed(reason, detail=f"{type(error).__name__}: {detail}", was_sent=was_sent)
    raise AssertionError(f"{type(error)} is no PyreqwestError")  # pragma: no cover


def _connecting(causes: _Causes) -> tuple[Reason, bool]:
    if "client error (Connect)" not in causes:  # the connection was there, and broke
        return Reason.DISCONNECTED, True
    if "dns error" in causes:
        return Reason.UNRESOLVED, False
    if any("certificate" in cause or "corrupt message" in cause for cause in causes):
        return Reason.PROTOCOL, False  # TLS
    return Reason.REFUSED, False


def _waiting(causes: _Causes) -> tuple[Reason, bool]:
    if "client error (Connect)" in causes:
        return Reason.CONNECT_TIMEOUT, False
    return Reason.TIMEOUT, True


def _otherwise(causes: _Causes) -> tuple[Reason, bool]:
    if "error reading a body from connection" in causes:
        return _reading_body(causes)
    return Reason.DISCONNECTED, True


def _reading_body(causes: _Causes) -> tuple[Reason, bool]:
    if causes and causes[-1] == "end of file before message length reached":
        return Reason.INCOMPLETE, True
    return Reason.PROTOCOL, True


def _always(reason: Reason, *, was_sent: bool) -> Callable[[_Causes], tuple[Reason, bool]]:
    return lambda _: (reason, was_sent)


READINGS: Final[Mapping[type, Callable[[_Causes], tuple[Reason, bool]]]] = {
    px.PyreqwestError: _otherwise,
    px.BuilderError: _always(Reason.BAD_INPUT, was_sent=False),
    px.RequestTimeoutError: _always(Reason.TIMEOUT, was_sent=True),
    px.ConnectTimeoutError: _waiting,
    px.PoolTimeoutError: _always(Reason.TIMEOUT, was_sent=False),
    px.ConnectError: _connecting,
    px.ReadError: _always(Reason.INCOMPLETE, was_sent=True),
    px.DecodeError: _always(Reason.PROTOCOL, was_sent=True),
    px.BodyDecodeError: _reading_body,
    px.RedirectError: _always(Reason.PROTOCOL, was_sent=True),
    px.StatusError: _always(Reason.STATUS, was_sent=True),
}


def _causes_of(error: px.PyreqwestError) -> _Causes:
    details = getattr(error, "details", None) or {}
    return tuple(cause["message"] for cause in details.get("causes") or ())
