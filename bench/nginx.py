"""nginx in its two parts: the upstream of every row, and the reference that a row is seen beside.

Texts alone; `bench.stage` writes them and starts the processes.
"""

from pathlib import Path

from bench.payloads import documents

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
  access_log off;
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

_STATIC = """\
  server {{
    listen 127.0.0.1:{port};
    root {folder}/{name};
  }}
"""

_REFERENCE = """\
  upstream peer {{
    server 127.0.0.1:{upstream_port};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/{name};
    location /raw/products/ {{
      proxy_pass http://peer/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
"""


def write_upstream(folder: Path, port: int) -> Path:
    """The configuration's file for the upstream, with its documents beside it."""
    name = "upstream"
    for document in documents().values():
        _write(folder / name, document.path, document.text)
    return _configure(folder, name, _STATIC.format(port=port, folder=folder, name=name))


def write_reference(folder: Path, port: int, upstream_port: int, payload: bytes) -> Path:
    """The configuration's file for the reference: the payload as a file, and a plain proxy."""
    name = "reference"
    _write(folder / name, PAYLOAD_PATH, payload)
    servers = _REFERENCE.format(port=port, upstream_port=upstream_port, folder=folder, name=name)
    return _configure(folder, name, servers)


def _configure(folder: Path, name: str, servers: str) -> Path:
    file = folder / f"{name}.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, name=name, servers=servers))
    return file


def _write(root: Path, path: str, content: bytes) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
