"""A pass-through proxy by hand: Flask and httpx.Client, the body relayed as it arrives.

BENCH_UPSTREAM=http://127.0.0.1:9190 BENCH_THREADS=16 gunicorn … bench.handwritten.proxy:app
"""

import os
from collections.abc import Iterator

import httpx
from flask import Flask, Response, request

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}

app = Flask(__name__)
threads = int(os.environ["BENCH_THREADS"])
client = httpx.Client(
    base_url=os.environ["BENCH_UPSTREAM"],
    limits=httpx.Limits(
        max_connections=threads, max_keepalive_connections=threads, keepalive_expiry=60
    ),
    timeout=2,
    trust_env=False,
)


@app.route("/raw/products/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def relay(path: str) -> Response:
    """The service's answer to the same request, below its own root."""
    headers = [
        (name, value)
        for name, value in request.headers
        if name.lower() not in _HOP_BY_HOP and name.lower() != "host"
    ]
    reply = client.send(
        client.build_request(
            request.method,
            f"/{path}",
            params=request.query_string,
            headers=headers,
            content=request.get_data(),
        ),
        stream=True,
    )

    def chunks() -> Iterator[bytes]:
        try:
            yield from reply.iter_raw()
        finally:
            reply.close()

    kept = [
        (name, value)
        for name, value in reply.headers.multi_items()
        if name.lower() not in _HOP_BY_HOP
    ]
    return Response(chunks(), reply.status_code, kept)
