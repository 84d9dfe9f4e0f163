"""The storefront: one page, which asks the gateway for all that it shows."""

from pathlib import Path

from examples.services.web import Request, Service, Text


def build(_seed: int) -> Service:
    """The service of the page; it has no data of its own."""
    page = Text(Path(__file__).with_suffix(".html").read_text("utf-8"), "text/html")
    service = Service("storefront")

    def show_page(_request: Request) -> Text:
        return page

    service.add("GET", "/", show_page)
    return service
