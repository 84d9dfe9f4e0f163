"""`python -m examples.services users --port 9101`: one sample service, in a process of its own.

It ends cleanly on SIGTERM and SIGINT. The same switches can be set while it runs:
`curl -d '{"delay_ms": 400, "fail": 503}' http://127.0.0.1:9101/_switch` (see `web.py`).
"""

import argparse
import asyncio
import os
import re
import signal
import socket
import sys
from importlib import import_module

from granian.constants import Interfaces
from granian.server.embed import Server

from examples.services.web import Service

PORTS = {"users": 9101, "orders": 9102, "products": 9103}


def main() -> None:
    """Read the command line, and serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m examples.services", description=__doc__)
    parser.add_argument("service", choices=PORTS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="9101 users, 9102 orders, 9103 products")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same data")
    parser.add_argument(
        "--delay", type=_milliseconds, default=0.0, metavar="50ms", help="before every reply"
    )
    parser.add_argument("--fail", type=int, metavar="503", help="answer this status to everything")
    options = parser.parse_args()
    port = options.port or PORTS[options.service]
    service: Service = import_module(f"examples.services.{options.service}").build(options.seed)
    service.switches.delay_ms, service.switches.fail = options.delay, options.fail
    _refuse_taken_port(options.host, port)
    asyncio.run(_serve(service, options.host, port))
    # Threads of granian's embedded server may outlive it, and panic when the interpreter ends.
    sys.stderr.flush()
    os._exit(0)


async def _serve(service: Service, host: str, port: int) -> None:
    # ASGINL: there is no lifespan to speak of.
    server = Server(
        service, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    print(f"{service.name} at http://{host}:{port}", file=sys.stderr, flush=True)
    await server.serve()


def _refuse_taken_port(host: str, port: int) -> None:
    """granian shares a port with whoever has it already; two services there would be a riddle."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"{host}:{port} can't be used: {error.strerror}")


def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 50ms or 1.5s")
    return float(found[1]) * (1000 if found[2] == "s" else 1)


if __name__ == "__main__":
    main()
