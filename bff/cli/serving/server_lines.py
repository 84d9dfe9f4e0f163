"""What granian logs, on standard output, without a wait for whoever reads it.

granian logs in the launcher, and in a worker where an exception breaks a reply off. Its own handler
waits for the reader: a reader that stalls would stop the gateway.
"""

import logging

from bff.web.http.log_writer import LogWriter, standard_output

_MOST_CHARACTERS = 8192


class ServerLines(logging.Handler):
    """Writes records as text."""

    def __init__(self) -> None:
        super().__init__()
        self._writer: LogWriter[bytes] = LogWriter(standard_output(), _as_it_is, _render_loss)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)[:_MOST_CHARACTERS]
            self._writer.put_text(f"{text}\n".encode(errors="backslashreplace"))
        except Exception:
            self.handleError(record)


def _as_it_is(line: bytes) -> bytes:
    return line


def _render_loss(lines: int) -> bytes:
    return b"[WARNING] %d log lines lost\n" % lines
