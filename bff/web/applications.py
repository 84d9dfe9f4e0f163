"""What bff makes of a project: applications for ASGI and WSGI servers, and a server of our own."""

from pathlib import Path

from flask import Flask

from bff.identity.ports import IdentityProvider
from bff.settings import Settings
from bff.web.hosts.asgi.edge import Edge
from bff.web.hosts.flask.behind import FlaskBehind
from bff.web.hosts.flask.extension import FlaskGateway
from bff.web.hosts.http1.server import Http1Server


def create_app(
    project: Path | str | None = None,
    settings: Settings | None = None,
    *,
    identity: IdentityProvider | None = None,
) -> Flask:
    """A Flask application that serves the project in the folder `project` on any WSGI server.

    Without arguments everything comes from `BFF_*` variables, and Flask's own configuration from
    `FLASK_*`. `identity` identifies callers. Raises `ProjectError` and `SettingsError`.
    """
    app = Flask("bff", static_folder=None)
    app.config.from_prefixed_env()
    FlaskGateway(app, project, settings, identity=identity)
    return app


def create_asgi(
    project: Path | str | None = None,
    settings: Settings | None = None,
    *,
    app: Flask | None = None,
    identity: IdentityProvider | None = None,
) -> Edge:
    """The ASGI edge with a Flask application behind it: `create_app`'s, or your own `app`.

    An app that a `Gateway` is mounted in brings its project and settings along. Raises
    `ProjectError` and `SettingsError`.
    """
    extension, behind = _mounted(project, settings, app, identity)
    return Edge(extension.core, behind)


def create_server(
    project: Path | str | None = None,
    settings: Settings | None = None,
    *,
    app: Flask | None = None,
    identity: IdentityProvider | None = None,
) -> Http1Server:
    """Our HTTP/1.1 server with a Flask application behind it; else as `create_asgi`."""
    extension, behind = _mounted(project, settings, app, identity)
    return Http1Server(extension.core, behind)


def _mounted(
    project: Path | str | None,
    settings: Settings | None,
    app: Flask | None,
    identity: IdentityProvider | None,
) -> tuple[FlaskGateway, FlaskBehind]:
    if app is None:
        app = create_app(project, settings, identity=identity)
    elif "bff" not in app.extensions:
        FlaskGateway(app, project, settings, identity=identity)
    extension: FlaskGateway = app.extensions["bff"]
    return extension, FlaskBehind(extension, extension.core.settings.flask_threads)
