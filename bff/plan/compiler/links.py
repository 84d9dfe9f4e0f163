"""Compiles how a service is connected to: its proxy, and its TLS files, which are read once."""

import base64
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bff.declarations.models.service import ServiceFile, TlsDecl
from bff.errors import TlsFileError
from bff.plan.model.service import Link, Proxy
from bff.plan.reporter import Reporter
from bff.secret import UnreadSecret
from bff.tls import TlsFiles, client_context


def compile_link(reporter: Reporter[ServiceFile], folder: Path) -> Link | None:
    """The service's own way of connecting; None where it has none. Reports files that can't be
    used."""
    declared = reporter.document.model
    tls = None
    if declared.tls is not None and reporter.document.is_sound(("tls",)):
        tls = _compile_tls(reporter, declared.tls, folder)
    proxy = None if declared.proxy is None else _compile_proxy(declared.proxy.reveal())
    return None if tls is None and proxy is None else Link(tls, proxy)


def _compile_tls(reporter: Reporter[ServiceFile], declared: TlsDecl, folder: Path) -> TlsFiles:
    ca, cert, key = (
        str(folder.absolute() / path) if isinstance(path, str) else path
        for path in (declared.ca, declared.cert, declared.key)
    )
    files = TlsFiles(ca, cert, key)
    for part in (TlsFiles(ca=ca), TlsFiles(cert=cert, key=key)):  # so that both are reported
        given = [each for _, each in part.given()]
        try:
            if given and not any(isinstance(each, UnreadSecret) for each in given):
                client_context(part)
        except TlsFileError as error:
            reporter.report(("tls", error.key), error.what, error.mend)
    return files


def _compile_proxy(url: str) -> Proxy:
    parts = urlsplit(url)
    authorization = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = f"Basic {base64.b64encode(credentials).decode('ascii')}"
    return Proxy(parts.hostname or "", parts.port or 80, authorization)
