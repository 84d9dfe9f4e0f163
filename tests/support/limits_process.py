"""A worker in a process of its own, which counts so many requests at once and says how many pass.

Run as `python -m tests.support.limits_process <Redis URL> <requests>`.
"""

import sys

from bff.limits.ports import Meter
from tests.support.limits import admitted_of, limit, with_workers


async def _count(worker: Meter) -> None:
    print(await admitted_of(worker, int(sys.argv[2])))


if __name__ == "__main__":
    with_workers(sys.argv[1], limit(counting="exact"), _count)
