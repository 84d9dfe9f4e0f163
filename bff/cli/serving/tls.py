"""TLS of `bff serve`, from PEM files of certificates and a key.

The launcher makes the context to check the files, each worker to use them. So a restart of the
workers reads renewed files.
"""

import ssl
from pathlib import Path
from typing import Final

from bff.errors import SettingsError
from bff.settings import Settings

_ENCRYPTED: Final = "ENCRYPTED"  # in both forms of PEM that have a password


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """The context for connections of clients, TLS 1.2 or later; None where no certificate is set.

    Raises `SettingsError`, which names the variable and the file.
    """
    certificates, key = settings.certfile, settings.keyfile
    if certificates is None:
        if key is not None:
            raise SettingsError("BFF_KEYFILE: needs BFF_CERTFILE, the key's certificate, beside it")
        return None
    _refuse_unreadable("BFF_CERTFILE", certificates)
    if key is not None:
        _refuse_unreadable("BFF_KEYFILE", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client that asks for handshakes again and again costs more than it pays.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _refuse_no_certificate(certificates)
    try:
        # An empty password, since OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificates, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise _describe_key(error, certificates, key) from None
    return context


def _refuse_unreadable(variable: str, file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as error:
        raise SettingsError(f"{variable}: {file} can't be read: {error.strerror}") from None


def _refuse_no_certificate(file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(file)
    except ssl.SSLError:
        raise SettingsError(
            f"BFF_CERTFILE: {file} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
        ) from None


def _describe_key(error: ssl.SSLError, certificates: Path, key: Path | None) -> SettingsError:
    variable, file = ("BFF_CERTFILE", certificates) if key is None else ("BFF_KEYFILE", key)
    if error.reason == "KEY_VALUES_MISMATCH":
        return SettingsError(
            f"{variable}: the key in {file} is not that of the first certificate in {certificates}"
        )
    if _ENCRYPTED in file.read_text(encoding="latin-1"):
        return SettingsError(
            f"{variable}: the key in {file} has a password; `openssl pkey` writes one without"
        )
    remedy = "" if key is not None else ", and BFF_KEYFILE names none"
    return SettingsError(
        f"{variable}: {file} holds no private key in PEM (-----BEGIN PRIVATE KEY-----){remedy}"
    )
