"""The two applications that bff makes: for ASGI servers, and for WSGI servers."""

from pathlib import Path

from flask import Flask

from bff.settings import Settings
from bff.web.edge import Edge
from bff.web.flask_host import Gateway


def create_app(project: Path | str | None = None, settings: Settings | None = None) -> Flask:
    """A Flask application that serves the project in the folder `project` on any WSGI server.

    Without arguments everything comes from `BFF_*` variables. Raises `ProjectError` and
    `SettingsError`.
    """
    app = Flask("bff", static_folder=None)
    Gateway(app, project, settings)
    return app


def create_asgi(
    project: Path | str | None = None,
    settings: Settings | None = None,
    *,
    app: Flask | None = None,
) -> Edge:
    """The ASGI edge with a Flask application behind it: `create_app`'s, or your own `app`.

    An app that a `Gateway` is mounted in brings its project and settings along. Raises
    `ProjectError` and `SettingsError`.
    """
    if app is None:
        app = create_app(project, settings)
    elif "bff" not in app.extensions:
        Gateway(app, project, settings)
    gateway: Gateway = app.extensions["bff"]
    return Edge(gateway, app)
