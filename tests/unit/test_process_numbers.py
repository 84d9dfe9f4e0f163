"""What the system knows of this process is what it does."""

import os
import threading
import time
from pathlib import Path

import pytest

from bff.telemetry.metrics.process_numbers import ProcessNumbers, process_numbers

is_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux alone tells")


@is_linux
def test_descriptors_and_threads_count_exactly() -> None:
    before = process_numbers()
    descriptors = os.pipe()
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait)
    thread.start()
    during = process_numbers()
    is_over.set()
    thread.join()
    for each in descriptors:
        os.close(each)
    assert before.open_fds is not None
    assert before.threads is not None
    assert (during.open_fds, during.threads) == (before.open_fds + 2, before.threads + 1)


@is_linux
def test_memory_grows_by_what_is_held() -> None:
    before = process_numbers()
    held = b"x" * 32 * 1024 * 1024
    during = process_numbers()
    assert before.resident_memory_bytes is not None
    assert during.resident_memory_bytes is not None
    assert during.resident_memory_bytes - before.resident_memory_bytes >= 0.9 * len(held)


@is_linux
def test_process_began_in_the_past() -> None:
    began = process_numbers().start_time_seconds
    assert began is not None
    assert time.time() - 24 * 3600 < began <= time.time() + 1


def test_processor_time_grows_by_work() -> None:
    before = process_numbers()
    while process_numbers().cpu_seconds < before.cpu_seconds + 0.02:
        pass


def test_system_without_proc_tells_the_processor_time(tmp_path: Path) -> None:
    numbers = process_numbers(tmp_path / "self")
    assert numbers == ProcessNumbers(numbers.cpu_seconds)
