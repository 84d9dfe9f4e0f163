"""TLS of `bff serve`, from PEM files of certificates and a key.

The launcher makes the context to check the files, each worker to use them. So a restart of the
workers reads renewed files.
"""

import ssl

from bff.errors import SettingsError, TlsFileError
from bff.settings import Settings
from bff.tls import load_certificate


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """The context for connections of clients, TLS 1.2 or later; None where no certificate is set.

    Raises `SettingsError`, which names the variable and the file.
    """
    certificates, key = settings.certfile, settings.keyfile
    if certificates is None:
        if key is not None:
            raise SettingsError("BFF_KEYFILE: needs BFF_CERTFILE, the key's certificate, beside it")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client that asks for handshakes again and again costs more than it pays.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        load_certificate(context, str(certificates), str(key or certificates))
    except TlsFileError as error:
        if error.key == "cert":
            variable = "BFF_CERTFILE"
        else:
            variable = "BFF_CERTFILE without BFF_KEYFILE" if key is None else "BFF_KEYFILE"
        raise SettingsError(f"{variable}: {error.what}. {error.mend}") from None
    return context
