"""Sends spans in batches on a thread, so that a collector that hangs delays no request.

Rules:
1. At most `MOST_WAITING` requests and `MOST_SPANS` spans wait. Further spans are lost and counted.
2. A batch is sent when it has `BATCH_SPANS` spans, or after the delay of the settings.
3. The thread builds and encodes spans for `PIECE_SECONDS` and then sleeps as long, since the event
   loop waits for Python's lock meanwhile.
4. The same trouble has one line a minute in the log.
5. At the end the waiting spans are sent once, within a bound.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Final, Literal, get_args
from uuid import uuid4

from bff.telemetry.metrics.definitions.process import SPANS_DROPPED, SPANS_SENT
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.traces.delivery import Collector, Delivered, deliver
from bff.telemetry.traces.otlp import Batch
from bff.telemetry.traces.settings import TraceSettings
from bff.telemetry.traces.spans import Attributes, Span

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 2048
MOST_SPANS: Final = 32_768  # about 10 MB
BATCH_SPANS: Final = 512
CLOSE_SECONDS: Final = 3.0
PIECE_SECONDS: Final = 0.001
_WAKING: Final = 128  # requests that wait
_WARNING_SECONDS: Final = 60.0

DropReason = Literal["queue_full", "rejected", "refused", "unreachable", "bug"]
# Builds the spans of one request.
Build = Callable[[], Sequence[Span]]


class SpanSender:
    """The sender of one process, which the `attributes` describe. `put` is safe from any thread.
    `open` it after any fork."""

    def __init__(self, settings: TraceSettings, attributes: Attributes, metrics: Metrics) -> None:
        self._settings = settings
        self._attributes = attributes
        self._lock = Lock()  # over the next two
        self._waiting: deque[tuple[Build, int]] = deque()
        self._waiting_spans = 0
        self._wanted, self._ending = Event(), Event()
        self._thread: Thread | None = None
        self._sent = metrics.counter(SPANS_SENT).at()
        dropped = metrics.counter(SPANS_DROPPED)
        self._dropped = {reason: dropped.at(reason) for reason in get_args(DropReason)}
        self._warned_at: dict[str, float] = {}

    def open(self) -> None:
        """Start sending. Raises `SettingsError`."""
        collector = Collector(self._settings)
        self._wanted, self._ending = Event(), Event()  # a thread that still hangs has its own
        own_id = ("service.instance.id", str(uuid4()))
        attributes = [*dict([own_id, *self._attributes]).items()]
        work = (collector, attributes, self._wanted, self._ending)
        self._thread = Thread(target=self._run, args=work, name="bff-spans", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of requests whose spans wait."""
        return len(self._waiting)

    def put(self, build: Build, spans: int) -> None:
        """Have the spans of a request built and sent. `spans` is about how many there are."""
        with self._lock:
            waiting = len(self._waiting)
            if waiting >= MOST_WAITING or self._waiting_spans + spans > MOST_SPANS:
                self._dropped["queue_full"][0] += spans
                return
            self._waiting.append((build, spans))
            self._waiting_spans += spans
        if waiting >= _WAKING and not self._wanted.is_set():
            self._wanted.set()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Send the waiting spans, for at most `seconds`. The sender may be opened again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ending.set()
            self._wanted.set()
            thread.join(seconds)

    def abandon(self) -> None:
        """In a forked child, which lacks the thread: forget the thread and the waiting spans."""
        self._thread = None
        self._lock = Lock()
        self._waiting = deque()
        self._waiting_spans = 0

    def _run(
        self, collector: Collector, attributes: Attributes, wanted: Event, ending: Event
    ) -> None:
        while not ending.is_set():
            wanted.wait(self._settings.delay_seconds)
            wanted.clear()
            while self._waiting:
                batch = Batch(attributes)
                try:
                    self._fill(batch, ending)
                    self._send(batch, collector, ending)
                except Exception as error:  # a bug here must not end the thread
                    self._lose("bug", len(batch), f"spans were not sent: {error!r}")
        collector.close()

    def _fill(self, batch: Batch, ending: Event) -> None:
        rest_at = time.perf_counter() + PIECE_SECONDS
        while self._waiting and len(batch) < BATCH_SPANS:
            with self._lock:
                build, spans = self._waiting.popleft()
                self._waiting_spans -= spans
            try:
                for span in build():
                    batch.add(span)
            except Exception as error:
                self._lose("bug", spans, f"spans could not be built: {error!r}")
            if time.perf_counter() > rest_at and not ending.is_set():
                time.sleep(PIECE_SECONDS)
                rest_at = time.perf_counter() + PIECE_SECONDS

    def _send(self, batch: Batch, collector: Collector, ending: Event) -> None:
        count = len(batch)
        if not count:
            return
        outcome = deliver(collector.send, batch.encoded(), ending.wait)
        if not isinstance(outcome, Delivered):
            where = self._settings.collector
            self._lose(outcome.reason, count, f"spans were not sent to {where}: {outcome.why}")
            return
        rejected = min(outcome.rejected, count)
        self._sent[0] += count - rejected
        if rejected:
            self._lose("rejected", rejected, f"the collector rejected spans: {outcome.why[:200]}")

    def _lose(self, reason: DropReason, spans: int, text: str) -> None:
        """Count lost spans, and log each reason once a minute."""
        self._dropped[reason][0] += spans
        now = time.monotonic()
        if now >= self._warned_at.get(reason, -_WARNING_SECONDS) + _WARNING_SECONDS:
            self._warned_at[reason] = now
            _log.warning("%s (%d so far)", text, self._dropped[reason][0])
