"""Which requests a Flask app's own views take before compositions and routes do.

The edge asks this for every request, so paths are sorted out first: one set look-up and one
`startswith` tell most of them apart, and only the rest pay for werkzeug's matcher (some 15 µs).
"""

from urllib.parse import unquote_to_bytes

from flask import Flask
from werkzeug.exceptions import HTTPException

from bff.web.http.requests import GatewayRequest


class FlaskClaims:
    """The rules of an app, read at the first request: Flask allows no new ones after that."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        # Whether method and path decide alone, without the host.
        self.by_line = not (app.url_map.host_matching or app.subdomain_matching)
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
        adapter = self._app.url_map.bind(host, url_scheme=request.scheme)
        try:
            adapter.match(path, method=request.method)
        except HTTPException:
            return False
        return True

    def _read_rules(self) -> frozenset[str]:
        exact, prefixes = set(), set()
        for rule in self._app.url_map.iter_rules():
            literal, converter, _ = rule.rule.partition("<")
            if converter:
                prefixes.add(literal)
            else:
                exact.add(literal)
        self._prefixes = tuple(prefixes)
        return frozenset(exact)
