"""What a document shows of a record: the same tables as the terminal."""

import json
import re
from typing import Any

from bench.tables import DOCUMENT as PAGE
from bench.tables import RESULTS, renew, verdicts_table

_FIGURES = {
    "requests_per_second": {"median": 2000.4, "low": 1900.0, "high": 2100.0},
    "p50_ms": 1.0,
    "p99_ms": 2.0,
    "p99_ms_at_half": 0.5,
    "cpu_us_per_request": 155.2,
    "busy": 0.89,
    "rss_mib": 40.0,
}
_VERDICT = {"measured": "2.00", "lowest_highest": "1.90–2.10", "by_cpu": "2.05"}
RECORD: dict[str, Any] = {
    "rows": {
        "home": {"group": "three calls", "title": "bff", "server": "gateway", **_FIGURES},
        "home-krakend": {
            "group": "three calls",
            "title": "KrakenD",
            "server": "krakend",
            "not_measured": "go not found",
        },
    },
    "verdicts": [
        {"work": "three calls", "target": "≥ 1.8 × Fastify", "outcome": "met", **_VERDICT},
        {"work": "three calls", "target": "× Express", "outcome": "reported", **_VERDICT},
    ],
}
DOCUMENT = """\
Before.

<!-- bench: rows -->

| an older table |

<!-- end -->

After.
"""


def test_table_between_its_marks_is_renewed_and_nothing_else() -> None:
    renewed = renew(DOCUMENT, RECORD)
    assert (
        renewed
        == """\
Before.

<!-- bench: rows -->

| job | how | requests/s | lowest–highest | p50 ms | p99 ms | p99 ms at half | CPU µs | busy | MiB |
|---|---| --: | --: | --: | --: | --: | --: | --: | --: |
| three calls | **bff** | 2,000 | 1,900–2,100 | 1.00 | 2.00 | 0.50 | 155 | ~89% | 40 |
|  | KrakenD | not measured |  |  |  |  |  |  |  |

<!-- end -->

After.
"""
    )
    assert renew(renewed, RECORD) == renewed


def test_ratio_that_is_only_reported_has_no_verdict() -> None:
    assert [row[:3] for row in verdicts_table(RECORD).rows] == [
        ("three calls", "≥ 1.8 × Fastify", "met"),
        ("", "× Express", ""),
    ]


def test_page_shows_what_the_record_holds_that_it_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = re.search(r"<!-- bench: picture -->\s+!\[.*\]\(.*/(.+)\.svg\)", page)
    assert named is not None
    record = json.loads((RESULTS / f"{named[1]}.json").read_text())
    assert renew(page, record) == page
