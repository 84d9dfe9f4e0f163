"""The clock that tests hold bounds with."""

import os
import signal
import subprocess
import sys
import time

from tests.support.steady_clock import steady_seconds

PAUSED = """
import time
from tests.support.steady_clock import steady_seconds
began, steady = time.monotonic(), steady_seconds()
print("begun", flush=True)
while time.monotonic() - began < 0.5:
    time.sleep(0.001)
print(time.monotonic() - began, steady_seconds() - steady)
"""


def test_what_a_call_waits_for_is_counted() -> None:
    began = steady_seconds()
    time.sleep(0.5)
    assert steady_seconds() - began > 0.25


def test_what_the_machine_held_everything_for_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", PAUSED], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.7)
        os.kill(process.pid, signal.SIGCONT)
        passed, steady = map(float, process.stdout.readline().split())
    assert passed > 0.65
    assert steady < passed - 0.6
