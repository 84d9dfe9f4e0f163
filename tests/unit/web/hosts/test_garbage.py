"""What the collector of garbage leaves out while a process serves; in processes of their own."""

import subprocess
import sys

import pytest

_PROGRAM = """
import gc
from bff.web.hosts.garbage import sparing_what_stays
%s
before = gc.get_freeze_count(), gc.get_threshold()
with sparing_what_stays():
    during = gc.get_freeze_count(), gc.get_threshold()
after = gc.get_freeze_count(), gc.get_threshold()
print(during[0] > before[0], during[1] > before[1], after == before)
"""


@pytest.mark.parametrize(
    ("begins", "freezes"),
    [("", "True"), ("gc.freeze()", "False")],
    ids=["nothing is frozen", "the program has frozen its own"],
)
def test_serving_freezes_what_stays_and_thaws_nothing_of_others(begins: str, freezes: str) -> None:
    """Fewer collections while it serves; in the end all is as it was before."""
    run = [sys.executable, "-c", _PROGRAM % begins]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [freezes, "True", "True"]
