"""The TLS contexts of connections, read again when their files change.

Rules:
1. The files are looked at when a connection is opened, and at most once in `LOOK_SECONDS`: new ones
   hold for the connections after that, and those that are open stay as they are.
2. New files that can't be used leave the last good context. That is logged, once for each change.
3. Without a good context there is no connection.
"""

import logging
import ssl
from collections.abc import Callable
from typing import Final

from bff.errors import TlsFileError
from bff.tls import TlsFiles, client_context, state_of

LOOK_SECONDS: Final = 1.0
MAX_CONTEXTS: Final = 1_000

# A server that speaks TLS 1.3 looks at the client's certificate after the client has sent its
# request. So a certificate that it refuses, or misses, ends the connection without a byte.
MAYBE_REFUSED: Final = "over TLS and without a byte: the service may refuse, or want, a certificate"

_log = logging.getLogger(__name__)


class FreshContext:
    """The context of some files. Not thread-safe; `clock` returns seconds from any start."""

    def __init__(self, files: TlsFiles, clock: Callable[[], float]) -> None:
        self._files = files
        self._clock = clock
        self._looks_at = 0.0
        self._state: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def get(self) -> ssl.SSLContext:
        """The context for a new connection. Raises `TlsFileError` where there is no good one."""
        now = self._clock()
        if self._context is None or now >= self._looks_at:
            self._looks_at = now + LOOK_SECONDS
            state = state_of(self._files)
            if self._context is None or state != self._state:
                self._state = state
                self._context = self._load()
        return self._context

    def _load(self) -> ssl.SSLContext:
        try:
            return client_context(self._files)
        except TlsFileError as error:
            if self._context is None:
                raise
            _log.warning("tls.%s; the files before it hold on", error)
            return self._context


class TlsContexts:
    """One context for each set of files; that of no files has the system's authorities."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._contexts: dict[TlsFiles, FreshContext] = {}

    def get(self, files: TlsFiles | None) -> ssl.SSLContext:
        """The context for a new connection. Raises `TlsFileError`."""
        files = files or TlsFiles()
        found = self._contexts.get(files)
        if found is None:
            if len(self._contexts) >= MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]  # the oldest
            found = self._contexts[files] = FreshContext(files, self._clock)
        return found.get()
