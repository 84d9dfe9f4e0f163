"""`make screenshots`: the pictures and the measured figures of docs/observability.md.

A figure stands between marks of the page, `<!-- measured: cardinality -->` and `<!-- end -->`.
"""

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.observability import PAGE, code, table
from tests.system.chromium import chromium
from tests.system.dashboards.charts import Mark, Window
from tests.system.dashboards.page import PAGE_WIDTH, draw_page
from tests.system.dashboards.panels import Panel, panels_titled, read_panels, rows_titled
from tests.system.observed.cardinality import Cardinality, count_series
from tests.system.observed.incident import Sign, find_signs, find_slow_trace
from tests.system.observed.shop import ROOT, ObservedShop, observed_shop, sample_project, switched
from tests.system.observed.span_tree import draw_tree

IMAGES: Final = ROOT / "docs/images"
HEALTHY_SECONDS: Final = 120
FAILING_SECONDS: Final = 60
AT_A_GLANCE: Final = (
    "Alerts firing",
    "Requests now",
    "Failed screens now",
    "Degraded screens now",
    "95 % of screens within",
    "Error budget used",
    "Requests for screens",
    "Slow screens",
    "Slow steps",
    "Screens from the cache",
    "States of the cache",
    "Calls to services",
)
ROWS: Final = {"Screens": "screens", "Cache and degradation": "cache", "Services": "services"}
INCIDENT: Final = (
    "Instances that fail",
    "Screens that fail",
    "Degraded screens",
    "Answers of services",
    "Steps that fail",
    "Why screens are degraded",
)


def main() -> None:
    """Watch a shop that is well, then one with a slow service, then one with a broken one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        observed_shop(Path(folder)) as shop,
        chromium() as browser,
    ):
        panels = read_panels(shop.dashboard)
        _wait_until(shop.began + HEALTHY_SECONDS)
        window = Window(time.time() - HEALTHY_SECONDS + 10, time.time(), 1)
        _take(browser, "dashboard", panels_titled(panels, AT_A_GLANCE), shop, window)
        for row, name in ROWS.items():
            _take(browser, f"dashboard-{name}", rows_titled(panels, [row]), shop, window)
        with switched(shop, "products", delay_ms=450):
            spans = find_slow_trace(shop, "home", 0.5)
        _wait_until(time.time() + 30)
        broken = time.time()
        with switched(shop, "orders", fail=503):
            signs = find_signs(shop, "orders", broken)
            _wait_until(broken + FAILING_SECONDS)
            marks = (Mark(broken, "fault"), Mark(broken + signs[-1].after_seconds, "alert"))
            window = Window(broken - 30, time.time(), 1, marks)
            _take(browser, "incident", panels_titled(panels, INCIDENT), shop, window)
        series = count_series(shop.metrics(), sample_project())
    parts = {
        "incident": _draw_signs(signs),
        "trace": f"```text\n{draw_tree(spans)}```\n",
        "cardinality": _draw_series(series),
    }
    PAGE.write_text(_with_parts(PAGE.read_text("utf-8"), parts), "utf-8")


def _take(
    browser: Browser, name: str, panels: Sequence[Panel], shop: ObservedShop, window: Window
) -> None:
    # Finer than a page shows it, for screens that are.
    page = browser.new_page(viewport={"width": PAGE_WIDTH, "height": 400}, device_scale_factor=1.5)
    page.set_content(draw_page(shop.dashboard["title"], panels, shop.store, window))
    page.screenshot(path=IMAGES / f"{name}.png", full_page=True)
    page.close()


def _wait_until(at: float) -> None:
    time.sleep(max(at - time.time(), 0))


def _draw_signs(signs: Sequence[Sign]) -> str:
    rows = [(f"{each.after_seconds:.1f} s", each.name, each.seen) for each in signs]
    return table(("after the fault", "where", "what is seen"), rows)


def _draw_series(found: Sequence[Cardinality]) -> str:
    rows = [
        (
            code([each.definition.shown_name]),
            *map(str, (each.of_project, each.of_lists, each.series_each, each.most, each.series)),
        )
        for each in found
    ]
    most, series = sum(each.most for each in found), sum(each.series for each in found)
    head = ("metric", "project's sets", "lists' sets", "series each", "at most", "counted")
    return table(head, [*rows, ("all", "", "", "", str(most), str(series))])


def _with_parts(text: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        begin, end = f"<!-- measured: {name} -->\n", "<!-- end -->"
        (around,) = re.findall(f"{begin}.*?{end}", text, re.S)
        text = text.replace(around, f"{begin}{part}{end}")
    return text


if __name__ == "__main__":
    main()
