"""`python -m tests.fuzz`: the properties of both HTTP/1.1 parsers, and hostile requests in
each host, round after round with more examples, until the time is over or one fails.

A failure prints its smallest example and the command that tries its round again; `make test` tries
the example, too, as long as `.hypothesis/` is there.
"""

import argparse
import os
import subprocess
import sys
import time

_FILES = (
    "tests/property/test_http1_splits.py",
    "tests/property/test_http1_reply_splits.py",
    "tests/spec/test_nobody_gets_by.py",
)
_TESTS = "take_turns or cut_anywhere or damaged or makes_the_gateway_fail"


def main() -> int:
    """Rounds as the command line asks for them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="default: 10")
    parser.add_argument("--seed", type=int, help="of the first round; default: by the clock")
    asked = parser.parse_args()
    seed = int(time.time()) if asked.seed is None else asked.seed
    began_at = time.monotonic()
    while True:
        result = subprocess.run(_command(seed), env={**os.environ, "EXAMPLES": "many"}, check=False)
        minutes = (time.monotonic() - began_at) / 60
        if result.returncode != 0:
            print(f'Again: make fuzz ARGS="--seed {seed} --minutes 0"', flush=True)
            return 1
        print(f"{minutes:.1f} of {asked.minutes:g} minutes: round {seed} holds", flush=True)
        if minutes >= asked.minutes:
            return 0
        seed += 1


def _command(seed: int) -> list[str]:
    chosen = ["-q", "--no-header", "-n", "0", "-k", _TESTS, f"--hypothesis-seed={seed}"]
    return [sys.executable, "-m", "pytest", *chosen, *_FILES]


if __name__ == "__main__":
    sys.exit(main())
