"""What a Flask app has of its own: views that come before compositions and routes, and guards.

Behind the ASGI host every request comes through `take`, so paths are sorted first: one set look-up
and one `startswith` decide for most, and only the rest pay for werkzeug's matcher (some 15 µs).
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask
from flask.cli import NoAppException, ScriptInfo
from flask.sessions import SecureCookieSessionInterface
from flask.signals import request_finished, request_started, request_tearing_down
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from bff.plan.model.composition import CompiledProject
from bff.web.http.requests import GatewayRequest

T = TypeVar("T")

_REQUEST = "request_class"


class FlaskRules:
    """The URL rules of an app, read at the first request: Flask allows no new ones after that."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._exact: frozenset[str] | None = None
        self._prefixes: tuple[str, ...] = ()

    def take(self, request: GatewayRequest) -> bool:
        """Whether one of the app's views answers this request; redirects and 405 don't count."""
        if self._exact is None:
            self._exact = self._read_rules()
        path = request.raw_path
        if "%" in path or not path.isascii():
            path = unquote_to_bytes(path.encode("latin-1")).decode(errors="replace")
        if path not in self._exact and not path.startswith(self._prefixes):
            return False
        host = request.single.get(b"host", b"").decode("latin-1")
        try:
            return self._match(host, request.scheme, path, request.method) is not None
        except Exception:  # a converter's bug is the app's to report
            return True

    def hidden(
        self, project: CompiledProject, url_prefix: str, own: Iterable[str]
    ) -> Iterator[tuple[str, Rule]]:
        """The compositions and routes that a view of the app's takes the requests of, and its rule:
        `("GET /screens/home/{user_id}", <Rule '/<path:path>'>)`. `own` are paths of the gateway's
        own, which take GET."""
        for name, method, path in (
            *_samples(project),
            *((f"GET {each}", "GET", each) for each in own),
        ):
            rule = self._match("", "http", url_prefix + path, method)
            if rule is not None:
                yield name, rule

    def _match(self, host: str, scheme: str, path: str, method: str) -> Rule | None:
        try:
            adapter = self._app.url_map.bind(host, url_scheme=scheme)
            rule, _ = adapter.match(path, method=method, return_rule=True)
        except (HTTPException, ValueError):  # a host that is none (IDNA)
            return None
        return rule

    def _read_rules(self) -> frozenset[str]:
        exact, prefixes = set(), set()
        for rule in self._app.url_map.iter_rules():
            literal, converter, _ = rule.rule.partition("<")
            if converter:
                prefixes.add(literal)
            else:
                exact |= {literal, literal.rstrip("/"), f"{literal}/"}  # rules may be lax
        self._prefixes = tuple(prefixes)
        return frozenset(exact)


def guards_of(app: Flask) -> tuple[str, ...]:
    """Whatever of an app sees each of its requests, by name: `before_request: shop.login`.

    Error handlers are not among them: they see what the others raise, and Flask calls them there.
    """
    hooks: list[tuple[str, Iterable[object]]] = [
        ("url_value_preprocessor", app.url_value_preprocessors.get(None, ())),
        ("before_request", app.before_request_funcs.get(None, ())),
        ("after_request", app.after_request_funcs.get(None, ())),
        ("teardown_request", app.teardown_request_funcs.get(None, ())),
        ("teardown_appcontext", app.teardown_appcontext_funcs),
    ]
    found = [f"{kind}: {_name(hook)}" for kind, each in hooks for hook in each]
    found += [
        f"signal: {signal.name}"
        for signal in (request_started, request_finished, request_tearing_down)
        if signal.has_receivers_for(app)
    ]
    if app.url_map.host_matching or app.subdomain_matching:
        found.append("rules that match hosts")
    if app.config["TRUSTED_HOSTS"]:
        found.append("config: TRUSTED_HOSTS")
    if type(app.session_interface) is not SecureCookieSessionInterface:
        found.append(f"session_interface: {_name(app.session_interface)}")
    return (*found, *_replaced_methods(app))


def guards_of_command(script: ScriptInfo) -> tuple[str, ...]:
    """The guards of the app that a `flask` command was started with; none where it was started
    without one, or where no gateway is mounted in the app. Raises what the app's module raises."""
    try:
        app = script.load_app()
    except NoAppException:
        return ()
    extension = app.extensions.get("bff")
    return () if extension is None else extension.guards()


def _replaced_methods(app: Flask) -> Iterator[str]:
    """The methods of Flask's that the app's class overrides, or that were assigned to the app."""
    classes = type(app).__mro__[: type(app).__mro__.index(Flask)]
    for holder in (vars(app), *map(vars, classes)):
        for name, method in holder.items():
            # Of the classes that an app names for its parts, the request's sees each request.
            is_method = callable(method) and (not isinstance(method, type) or name == _REQUEST)
            if is_method and hasattr(Flask, name) and name != "__init__" and not is_ours(method):
                yield f"{name}: {_name(method)}"


def mark_ours(method: T) -> T:
    """Mark what the extension assigns to an app: it is no guard."""
    method.__bff__ = True  # type: ignore[attr-defined]
    return method


def is_ours(method: object) -> bool:
    """Whether the extension assigned it."""
    return hasattr(method, "__bff__")


def _name(hook: object) -> str:
    named = hook if hasattr(hook, "__qualname__") else type(hook)
    return f"{named.__module__}.{named.__qualname__}"


def _samples(project: CompiledProject) -> Iterator[tuple[str, str, str]]:
    """A path of each composition and route that most converters take: their name, method, path."""
    for each in project.compositions:
        path = "".join(f"/{part if isinstance(part, str) else 1}" for part in each.path)
        yield f"{each.method} {each.path_text}", each.method, path
    for route in project.routes:
        yield f"the route {route.prefix or '/'}", "GET", f"{route.prefix}/1"
