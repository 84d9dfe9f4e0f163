"""What a service says of its own addresses, as the clients of a route have them. Pure.

Rules:
1. An address of the service becomes a path below the route: the path of the service's own base is
   taken off, and what the gateway took off the request's is put on.
2. A path that is below the route already stays: the service knows its `X-Forwarded-Prefix`.
3. Addresses of other hosts, and relative ones, stay.
4. A result never begins with two slashes, which would name a host.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

# RFC 3986 §3, as browsers read it.
_WITH_HOST: Final = re.compile(rb"(?:https?:)?[/\\]{2}([^/?#\\]*)", re.IGNORECASE)
_PATH: Final = re.compile(rb"[^?#]*")


class OuterAddresses:
    """Maps addresses of a service to those of a route. `bases` are the service's base URLs, `outer`
    is what was taken off the paths of requests: "/shop", or nothing. `root` is the target for the
    outer path alone. Immutable."""

    def __init__(self, bases: Iterable[str], outer: str) -> None:
        self._outer = outer.encode()
        hosts: set[str] = set()
        paths: set[bytes] = set()
        for base in bases:
            url = urlsplit(base)
            host = url.netloc.lower()
            hosts.add(host)
            if url.port in (None, 80, 443):  # a service may not know its scheme
                name = re.sub(r":[0-9]+$", "", host)
                hosts |= {name, f"{name}:80", f"{name}:443"}
            paths.add(url.path.rstrip("/").encode())
        # With a path of its own before it, a target may be empty: no slash is made up then.
        self.root = "" if paths and b"" not in paths else "/"
        self._hosts = frozenset(each.encode() for each in hosts)
        # The longest decides.
        starts = {*paths, self._outer} - {b""}
        self._starts = tuple(sorted(starts, key=lambda each: (-len(each), each != self._outer)))
        self._bases = frozenset(paths) - {b""}

    def location(self, value: bytes) -> bytes:
        """A `Location` or `Content-Location`."""
        with_host = _WITH_HOST.match(value)
        if with_host is not None:
            if with_host[1].rpartition(b"@")[2].lower() not in self._hosts:
                return value
            value = value[with_host.end() :]
        elif not value.startswith(b"/"):
            return value
        path = _PATH.match(value)
        end = 0 if path is None else path.end()
        outer = self._path(value[:end] or b"/")
        if outer[1:2] in (b"/", b"\\"):
            outer = b"/" + outer.lstrip(b"/\\")
        return outer + value[end:]

    def cookie(self, value: bytes) -> bytes:
        """A `Set-Cookie`, without a `Domain`, whose `Path` is the route's."""
        pair, *attributes = value.split(b";")
        keeps_path = pair.strip().lower().startswith(b"__host-")  # it is for the root alone
        kept = [pair]
        for attribute in attributes:
            name, _, path = attribute.partition(b"=")
            name = name.strip().lower()
            if name == b"path" and path.strip().startswith(b"/") and not keeps_path:
                kept.append(b" Path=" + self._cookie_path(path.strip()))
            elif name != b"domain":
                kept.append(attribute)
        return b";".join(kept)

    def _path(self, path: bytes) -> bytes:
        for start in self._starts:
            if _is_below(path, start):
                if start == self._outer:
                    return path
                return self._outer + path[len(start) :] or b"/"
        return self._outer + path

    def _cookie_path(self, path: bytes) -> bytes:
        if path == b"/" or any(_is_below(base, path.rstrip(b"/")) for base in self._bases):
            return self._outer or b"/"
        return self._path(path)


def _is_below(path: bytes, start: bytes) -> bool:
    """Whether a path is `start`, or begins with its segments."""
    return path.startswith(start) and path[len(start) : len(start) + 1] in (b"", b"/")
