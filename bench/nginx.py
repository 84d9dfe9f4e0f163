"""nginx in its two parts: the upstream of every row, and the reference that a row is seen beside.

Texts alone; `bench.stage` writes them and starts the processes.
"""

import gzip
from pathlib import Path

from bench.payloads import all_documents

PAYLOAD_PATH = "/payload"

# One process without a master, so that it runs as whoever starts it. Connections stay open for as
# long as the load generator wants them, for every server that is measured.
_CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/{name}.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
{log}
  default_type application/json;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  client_body_temp_path {folder}/{name}-bodies;
  proxy_temp_path {folder}/{name}-proxied;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
{servers}
}}
"""

# What the gateway's own line holds, and written as seldom as its thread writes them.
_LOG = """\
  log_format line escape=json '{"@timestamp":"$time_iso8601","log.level":"info",'
    '"message":"$request_method $uri $status","ecs.version":"8.17.0","event.dataset":"bff.access",'
    '"event.kind":"event","event.category":["web"],"event.type":["access"],'
    '"http.request.method":"$request_method","url.path":"$uri","http.response.status_code":$status,'
    '"event.duration":$request_time,"http.response.body.bytes":$body_bytes_sent,'
    '"client.address":"$remote_addr","client.ip":"$remote_addr","trace.id":"$request_id",'
    '"http.request.id":"$request_id","bff.cache":"$upstream_cache_status","service.name":"nginx"}';
  access_log /dev/stdout line buffer=64k flush=1s;"""
_NO_LOG = "  access_log off;"

# The payload lies there compressed as well, and goes out so to who accepts it.
_UPSTREAM = """\
  server {{
    listen 127.0.0.1:{port};
    root {folder}/{name};
    gzip_static on;
    location = {payload} {{
      add_header Cache-Control max-age=3600;
    }}
  }}
"""

# One cached reply for each encoding, so that nothing is compressed on a hit.
_REFERENCE = """\
  upstream peer {{
    server 127.0.0.1:{upstream_port};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  proxy_cache_path {folder}/{name}-cache keys_zone=payloads:1m;
  map $http_accept_encoding $encoding {{
    default identity;
    ~gzip gzip;
  }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location = {payload} {{
      proxy_pass http://peer;
      proxy_set_header Accept-Encoding $encoding;
      proxy_cache payloads;
      proxy_cache_key $uri|$encoding;
      add_header Vary Accept-Encoding;
      add_header X-Cache $upstream_cache_status;
    }}
    location /raw/products/ {{
      proxy_pass http://peer/;
    }}
  }}
"""


def write_upstream(folder: Path, port: int, payload: bytes) -> Path:
    """The configuration's file for the upstream, with its documents and the payload beside it."""
    name = "upstream"
    for document in all_documents():
        _write(folder / name, document.path, document.text)
    _write(folder / name, PAYLOAD_PATH, payload)
    _write(folder / name, f"{PAYLOAD_PATH}.gz", gzip.compress(payload, 6))
    servers = _UPSTREAM.format(port=port, folder=folder, name=name, payload=PAYLOAD_PATH)
    return _configure(folder, name, servers, _NO_LOG)


def write_reference(folder: Path, port: int, upstream_port: int) -> Path:
    """The configuration's file for the reference: the payload from its cache, and a plain proxy;
    with a log line for each request, as the gateway has."""
    name = "reference"
    servers = _REFERENCE.format(
        port=port, upstream_port=upstream_port, folder=folder, name=name, payload=PAYLOAD_PATH
    )
    return _configure(folder, name, servers, _LOG)


def _configure(folder: Path, name: str, servers: str, log: str) -> Path:
    file = folder / f"{name}.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, name=name, servers=servers, log=log))
    return file


def _write(root: Path, path: str, content: bytes) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
