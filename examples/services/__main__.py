"""`python -m examples.services users --port 9101`: one sample service, in a process of its own.

It ends cleanly on SIGTERM and SIGINT. The same switches can be set while it runs:
`curl -d '{"delay_ms": 400, "fail": 503}' http://127.0.0.1:9101/_switch` (see `web.py`).
"""

import argparse
import os
import re
import signal
import socket
import sys
from importlib import import_module

import uvicorn

from examples.services.web import Service

PORTS = {"users": 9101, "orders": 9102, "products": 9103, "storefront": 9105}


def main() -> None:
    """Read the command line, and serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m examples.services", description=__doc__)
    parser.add_argument("service", choices=PORTS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, help="9101 users, 9102 orders, 9103 products, 9105 storefront"
    )
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same data")
    parser.add_argument(
        "--delay", type=_milliseconds, default=0.0, metavar="50ms", help="before every reply"
    )
    parser.add_argument("--fail", type=int, metavar="503", help="answer this status to everything")
    options = parser.parse_args()
    port = options.port or PORTS[options.service]
    service: Service = import_module(f"examples.services.{options.service}").build(options.seed)
    service.switches.delay_ms, service.switches.fail = options.delay, options.fail
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn calls it at its own end. An exception would meet a coroutine not begun yet.
        signal.signal(number, lambda *_: os._exit(0))
    with _listening(options.host, port) as listener:
        print(f"{service.name} at http://{options.host}:{port}", file=sys.stderr, flush=True)
        config = uvicorn.Config(service, lifespan="off", access_log=False, log_config=None)
        uvicorn.Server(config).run([listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        sys.exit(f"{host}:{port} can't be used: {error.strerror}")


def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 50ms or 1.5s")
    return float(found[1]) * (1000 if found[2] == "s" else 1)


if __name__ == "__main__":
    main()
