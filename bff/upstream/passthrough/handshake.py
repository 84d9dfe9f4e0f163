"""The opening handshake of a WebSocket, checked on both sides (RFC 6455 §4). Pure.

Rules:
1. A request whose `Upgrade` names `websocket` is a whole handshake, or it is refused: it never goes
   on as a plain request.
2. `Origin` must be listed. A request without one is refused too: browsers always send it, so what
   comes without has lost it on the way, or is a program, which can send a listed one.
3. What the service agrees to was offered by the client: its own key, one of its subprotocols, some
   of its extensions.
4. No header of the two handshakes passes unless it is named here.
"""

import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha1
from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.upstream.passthrough.passthrough import Refused

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_VERSION: Final = b"13"
_KEY: Final = re.compile(rb"[+/0-9A-Za-z]{21}[AQgw]==").fullmatch  # 16 bytes, spelled in one way

# Possessive: what is no element is seen at once, however long it is.
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_TOKEN: Final = re.compile(_NAME).fullmatch
# RFC 6455 §9.1: a name, and params whose values are tokens, in quotes perhaps.
_PARAM = rb"[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|\"%b\"))?" % (_NAME, _NAME, _NAME)
_EXTENSION: Final = re.compile(rb"(%b)(?:%b)*+" % (_NAME, _PARAM)).fullmatch

_NOT_LISTED: Final = Refused(
    403, "origin_not_listed", "A WebSocket is opened from a page of a listed origin alone."
)
_WRONG_VERSION: Final = Refused(
    426,
    "websocket_version",
    "The gateway speaks version 13 of the WebSocket protocol.",
    ((b"sec-websocket-version", _VERSION), (b"upgrade", b"websocket"), (b"connection", b"upgrade")),
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client opens a WebSocket with. Each of `extensions` has its params."""

    key: bytes
    protocols: tuple[bytes, ...]
    extensions: tuple[bytes, ...]

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The lines of it that go to the service, but for `Connection`."""
        lines = [
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", _VERSION),
            (b"sec-websocket-key", self.key),
        ]
        if self.protocols:
            lines.append((b"sec-websocket-protocol", b", ".join(self.protocols)))
        if self.extensions:
            lines.append((b"sec-websocket-extensions", b", ".join(self.extensions)))
        return lines


def offers_websocket(headers: Headers) -> bool:
    """Whether a request is the beginning of a WebSocket, or is meant as one."""
    return b"websocket" in _names(headers, b"upgrade")


def read_handshake(
    method: str, version: str, headers: Headers, origins: Collection[bytes]
) -> Handshake | Refused:
    """The handshake that a request is, which `offers_websocket`; or why there will be none (RFC
    6455 §4.2.1). `origins` are those whose pages may open one."""
    fault = _request_fault(method, version, headers)
    if fault is not None:
        return _bad(fault)
    if _values(headers, b"sec-websocket-version") != [_VERSION]:
        return _WRONG_VERSION
    keys = _values(headers, b"sec-websocket-key")
    if len(keys) != 1 or _KEY(keys[0]) is None:
        return _bad("Sec-WebSocket-Key must be 16 bytes in base64, once")
    protocols = _list(headers, b"sec-websocket-protocol")
    if not all(map(_TOKEN, protocols)) or len(set(protocols)) < len(protocols):
        return _bad("Sec-WebSocket-Protocol must be names, each of them once")
    extensions = _list(headers, b"sec-websocket-extensions")
    if not all(map(_EXTENSION, extensions)):
        return _bad("Sec-WebSocket-Extensions must be names with params")
    found = _values(headers, b"origin")
    if len(found) != 1 or found[0] not in origins:
        return _NOT_LISTED
    return Handshake(keys[0], tuple(protocols), tuple(extensions))


class Disagreement(NamedTuple):
    """A service's 101 is no answer to the handshake; `detail` is for the log."""

    detail: str


def agree(handshake: Handshake, answer: Headers) -> list[tuple[bytes, bytes]] | Disagreement:
    """The lines of the handshake that go to the client, from the headers of a service's 101 (RFC
    6455 §4.1)."""
    if _names(answer, b"upgrade") != {b"websocket"}:
        return Disagreement("the service switched to something else than WebSocket")
    if b"upgrade" not in _names(answer, b"connection"):
        return Disagreement("the 101 has no `Connection: upgrade`")
    accept = accept_of(handshake.key)
    if _values(answer, b"sec-websocket-accept") != [accept]:
        return Disagreement("Sec-WebSocket-Accept is not the key's")
    lines = [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-accept", accept),
    ]
    protocols = _values(answer, b"sec-websocket-protocol")
    if len(protocols) > 1 or not set(protocols) <= set(handshake.protocols):
        return Disagreement("a subprotocol that the client did not offer")
    extensions = _list(answer, b"sec-websocket-extensions")
    if not {*map(_extension_name, extensions)} <= {*map(_extension_name, handshake.extensions)}:
        return Disagreement("an extension that the client did not offer")
    if protocols:
        lines.append((b"sec-websocket-protocol", protocols[0]))
    if extensions:
        lines.append((b"sec-websocket-extensions", b", ".join(extensions)))
    return lines


def accept_of(key: bytes) -> bytes:
    """The `Sec-WebSocket-Accept` that answers a key. It guards against nothing but mistakes, so
    SHA-1 will do."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def _request_fault(method: str, version: str, headers: Headers) -> str | None:
    """What is wrong with the request, whatever it says of WebSockets."""
    if method != "GET":
        return "the method must be GET"
    if version != "1.1":
        return "the request must be HTTP/1.1"
    if b"upgrade" not in _names(headers, b"connection"):
        return "Connection must name upgrade"
    lengths = _values(headers, b"content-length")
    if _values(headers, b"transfer-encoding") or any(length != b"0" for length in lengths):
        return "the request must have no body"
    return None


def _bad(fault: str) -> Refused:
    return Refused(400, "bad_handshake", f"This is no handshake of a WebSocket: {fault}.")


def _extension_name(extension: bytes) -> bytes | None:
    """None for one that is none: no client has offered it."""
    match = _EXTENSION(extension)
    return None if match is None else match[1]


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _list(headers: Headers, wanted: bytes) -> list[bytes]:
    """The elements of a header that is a list (RFC 9110 §5.6.1), all its lines together."""
    elements = [each.strip(b" \t") for each in b",".join(_values(headers, wanted)).split(b",")]
    return [each for each in elements if each]


def _names(headers: Headers, wanted: bytes) -> set[bytes]:
    return {each.lower() for each in _list(headers, wanted)}
