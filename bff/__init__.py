"""A backend-for-frontend gateway: declared screens over REST services.

What is public stands here, and is imported when it is asked for, so that the pure parts can be
used without a web server.
"""

from typing import TYPE_CHECKING, Any

from bff.version import __version__

if TYPE_CHECKING:
    from bff.web.applications import create_app, create_asgi
    from bff.web.hosts.flask.extension import FlaskGateway as Gateway

__all__ = ["Gateway", "__version__", "create_app", "create_asgi"]


def __getattr__(name: str) -> Any:
    if name in ("create_app", "create_asgi"):
        from bff.web import applications as app

        return getattr(app, name)
    if name == "Gateway":
        from bff.web.hosts.flask.extension import FlaskGateway

        return FlaskGateway
    raise AttributeError(f"module 'bff' has no attribute {name!r}")
