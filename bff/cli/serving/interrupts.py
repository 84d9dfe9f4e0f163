"""What the launcher waits for: news of its workers, or a signal."""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue


class Interrupt(threading.Event):
    """An event that a signal's handler may set, whatever the interrupted code does with the event.

    `threading.Event` holds a lock while it is set and when its wait begins and ends: a signal that
    comes just then, as a second Ctrl-C does, waits for ever for the code that it has interrupted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: SimpleQueue[None] = SimpleQueue()  # its `put` is made for handlers

    def is_set(self) -> bool:
        return not self._told.empty()

    def set(self) -> None:
        self._told.put(None)

    def clear(self) -> None:
        with suppress(Empty):
            while True:
                self._told.get_nowait()

    def wait(self, timeout: float | None = None) -> bool:
        with suppress(Empty):
            self._told.put(self._told.get(timeout=timeout))
        return self.is_set()
