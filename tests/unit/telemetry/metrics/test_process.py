"""What the system knows of this process is what it does."""

import os
import resource
import time
from pathlib import Path

import pytest

from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.process import started_at, watch_process

is_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux alone has it")


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    watch_process(metrics, "worker")
    return metrics


def number(metrics: Metrics, name: str) -> float:
    metrics.read_all()
    return metrics.families[name].series["worker",][0]


@is_linux
def test_descriptors_count_exactly(metrics: Metrics) -> None:
    before = number(metrics, "process_open_fds")
    descriptors = os.pipe()
    during = number(metrics, "process_open_fds")
    for each in descriptors:
        os.close(each)
    assert during == before + 2 < number(metrics, "process_max_fds")


@is_linux
def test_memory_is_what_the_system_shows_of_the_process(metrics: Metrics) -> None:
    status = Path("/proc/self/status").read_text()
    (shown,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    resident = number(metrics, "process_resident_memory_bytes")
    assert resident == pytest.approx(1024 * int(shown), rel=0.1)


@is_linux
def test_process_without_a_free_descriptor_still_reads_what_it_can(metrics: Metrics) -> None:
    """It counts on: a gateway that is out of descriptors is one that somebody looks at."""
    resident = number(metrics, "process_resident_memory_bytes")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert number(metrics, "process_resident_memory_bytes") == resident > 0
        assert number(metrics, "process_max_fds") == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@is_linux
def test_process_began_in_the_past(metrics: Metrics) -> None:
    began = number(metrics, "process_start_time_seconds")
    assert time.time() - 24 * 3600 < began <= time.time() + 1


def test_processor_time_grows_by_work(metrics: Metrics) -> None:
    before = number(metrics, "process_cpu_seconds")
    while number(metrics, "process_cpu_seconds") < before + 0.02:
        pass


def test_system_without_proc_has_no_start_time(tmp_path: Path) -> None:
    assert started_at(tmp_path) == 0.0
