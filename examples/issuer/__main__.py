"""`python -m examples.issuer`: the stand-in issuer, until a signal comes.

    python -m examples.issuer --port 9104 --gateway http://localhost:8080

Its one client is `shop`, with the secret `shop-secret`: the gateway at that address. A phone's app
would be the client `phone`, which has none. The accounts are in `ACCOUNTS` below.
"""

import argparse
import os
import signal
import sys

from werkzeug.serving import make_server

from examples.issuer.app import create_app
from examples.issuer.provider import Account, Client, Provider

PORT = 9104
CLIENT_SECRET = "shop-secret"

# Users of the sample services. The password of each is the name.
ACCOUNTS = {
    "jana": Account("jana", {"sub": "92", "name": "Jana García", "roles": ["customer"]}),
    "gita": Account("gita", {"sub": "7", "name": "Gita Rossi", "roles": ["customer"]}),
    "noor": Account("noor", {"sub": "1", "name": "Noor Bauer", "roles": ["support"]}),
}


def main() -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(prog="python -m examples.issuer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--gateway", default="http://localhost:8080", help="as browsers see it")
    options = parser.parse_args()
    provider = Provider(
        f"http://{options.host}:{options.port}", clients_of(options.gateway), ACCOUNTS
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    app = create_app(provider)
    with make_server(options.host, options.port, app, threaded=True) as server:
        print(f"issuer at {provider.issuer}", file=sys.stderr, flush=True)
        server.serve_forever()


def clients_of(gateway: str) -> dict[str, Client]:
    """The clients that log people in: a gateway at this address, and an app on a phone."""
    shop = Client(
        "shop",
        CLIENT_SECRET,
        redirect_uris=(f"{gateway}/bff/callback",),
        logout_uris=(f"{gateway}/", f"{gateway}/app/"),
        backchannel_uri=f"{gateway}/bff/backchannel-logout",
    )
    phone = Client("phone", None, redirect_uris=("com.example.shop:/callback",))
    return {"shop": shop, "phone": phone}


if __name__ == "__main__":
    main()
