"""The sample services, each started as the process that the demo starts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from examples.demo.processes import DemoProcess
from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[3]


@contextmanager
def service(name: str, folder: Path, *options: str) -> Iterator[httpx.Client]:
    """One sample service, started and answering; stopped afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "examples.services", name, "--port", str(port), *options]
    process = DemoProcess(name, command, REPOSITORY, folder, f"http://127.0.0.1:{port}", {})
    try:
        process.wait_until_ready()
        with httpx.Client(base_url=process.address, trust_env=False) as client:
            yield client
    finally:
        process.stop()
