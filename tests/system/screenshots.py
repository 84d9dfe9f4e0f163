"""`make screenshots`: the pictures of a login, for docs/identity.md."""

from pathlib import Path

from examples.demo.processes import running_demo
from tests.system.chromium import Visitor, chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Log in to the sample project at the stand-in issuer, and take a picture of each page."""
    with (
        running_demo(ROOT, None, lambda *_: None) as running,
        chromium() as browser,
    ):
        jana = Visitor(browser, running.gateway)
        jana.open_shop()
        jana.sees_link("Log in")
        _take(jana, "login-before")
        jana.page.click("text=Log in")
        jana.page.fill("input[name=name]", "jana")
        jana.page.fill("input[name=password]", "jana")
        _take(jana, "login-form")
        jana.page.click("button")
        jana.sees("h2", "Hello ")
        _take(jana, "login-after")


def _take(visitor: Visitor, name: str) -> None:
    visitor.page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")


if __name__ == "__main__":
    main()
