"""TLS files in PEM, as contexts: authorities to trust, and a certificate with its key.

`bff check` reads the files by this module, and so do what connects and what serves. Blocks; call it
where a millisecond on each file is no harm.
"""

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import Final, Literal

import certifi

from bff.errors import TlsFileError
from bff.secret import Secret

LARGEST_FILE: Final = 1024 * 1024  # bytes; a bundle of every public authority has 300 KB

FileKey = Literal["ca", "cert", "key"]
Pem = str | Secret  # a path, or the content

_CERTIFICATE: Final = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----")
_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
_LOCKED_KEY: Final = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Absolute paths of files in PEM, or secrets with their content. `ca` are the authorities to
    trust instead of the system's; `cert` and `key` are the gateway's own, both or none."""

    ca: Pem | None = None
    cert: Pem | None = None
    key: Pem | None = None

    def given(self) -> Iterator[tuple[FileKey, Pem]]:
        """The files that there are, by their keys."""
        if self.ca is not None:
            yield "ca", self.ca
        if self.cert is not None:
            yield "cert", self.cert
        if self.key is not None:
            yield "key", self.key


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Verifies certificates and names, by the files' authorities, else by the system's or, where it
    has none, by certifi's. OpenSSL reads `SSL_CERT_FILE` and `SSL_CERT_DIR` for the system's, which
    takes some 20 ms. Raises `TlsFileError`."""
    if files.ca is None:
        context = ssl.create_default_context()
        paths = ssl.get_default_verify_paths()
        if paths.cafile is None and paths.capath is None:
            context.load_verify_locations(certifi.where())
    else:
        context = _context_of_authorities(files.ca)
    if files.cert is not None and files.key is not None:
        load_certificate(context, files.cert, files.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def load_certificate(context: ssl.SSLContext, cert: Pem, key: Pem) -> None:
    """Have the context show this certificate; one file may hold both. Raises `TlsFileError`."""
    _check("cert", cert)
    _check("key", key)
    try:
        with _path_of(cert) as cert_path, _path_of(key) as key_path:
            context.load_cert_chain(cert_path, key_path, password=_no_password)
    except (OSError, ValueError) as error:
        if "KEY_VALUES_MISMATCH" in str(error) or "KEY_TYPE_MISMATCH" in str(error):
            raise TlsFileError(
                "key", f"{_shown(key)} is not the key of the certificate in {_shown(cert)}",
                "Name the key that the certificate was requested with.",
            ) from error  # fmt: skip
        if _is_broken_certificate(cert):
            raise _unreadable("cert", cert, error) from error
        raise _unreadable("key", key, error) from error


def state_of(files: TlsFiles) -> tuple[object, ...]:
    """Something that differs once one of the files is another one, or another's content."""
    return tuple(_state(path) for _, path in files.given())


def _state(path: Pem) -> object:
    if isinstance(path, Secret):
        return None
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _read(key: FileKey, path: Pem) -> bytes:
    if isinstance(path, Secret):
        return path.reveal().encode()
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise TlsFileError(
            key, f"there is no file '{path}'", "Store it there, or name another."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise TlsFileError(
            key, f"'{path}' can't be read: {why}", "The gateway's user must be able to read it."
        ) from error
    if len(content) > LARGEST_FILE:
        raise TlsFileError(key, f"'{path}' has over {LARGEST_FILE} bytes", "Name a file in PEM.")
    return content


def _check(key: FileKey, path: Pem) -> None:
    content = _read(key, path)
    if key != "key":
        if not _CERTIFICATE.search(content):
            raise TlsFileError(
                key, f"{_shown(path)} has no certificate in PEM",
                "It needs a line `-----BEGIN CERTIFICATE-----`; `openssl x509` converts DER.",
            )  # fmt: skip
        return
    if _LOCKED_KEY.search(content):
        raise TlsFileError(
            key, f"the key in {_shown(path)} is under a password",
            "Store it without one, readable for the gateway's user alone; `openssl pkey` does.",
        )  # fmt: skip
    if not _KEY.search(content):
        raise TlsFileError(
            key, f"{_shown(path)} has no private key in PEM",
            "It needs a line `-----BEGIN PRIVATE KEY-----`; `openssl pkey` converts DER.",
        )  # fmt: skip


def _context_of_authorities(path: Pem) -> ssl.SSLContext:
    _check("ca", path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with _path_of(path) as named:
            context.load_verify_locations(named)
    except (OSError, ValueError) as error:
        raise _unreadable("ca", path, error) from error
    return context


def _is_broken_certificate(path: Pem) -> bool:
    try:
        with _path_of(path) as named:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(named)
    except (OSError, ValueError):
        return True
    return False


def _unreadable(key: FileKey, path: Pem, error: Exception) -> TlsFileError:
    why = getattr(error, "reason", None) or "damaged"
    return TlsFileError(
        key, f"OpenSSL can't read {_shown(path)} ({why})", "Write the file anew from its source."
    )


def _shown(path: Pem) -> str:
    return "the secret" if isinstance(path, Secret) else f"'{path}'"


@contextmanager
def _path_of(pem: Pem) -> Iterator[str]:
    """The path of a file, since OpenSSL reads keys from files alone. A secret is in one that has no
    name in any folder, where the system has such files."""
    if not isinstance(pem, Secret):
        yield pem
        return
    content = f"{pem.reveal()}\n".encode()
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with NamedTemporaryFile() as named:  # which its owner alone may read
        named.write(content)
        named.flush()
        yield named.name


def _no_password() -> bytes:
    """Without this, OpenSSL would ask on the terminal."""
    return b""
