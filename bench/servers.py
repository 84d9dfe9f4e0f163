"""How each server is started: its command, and what it finds in its environment."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from bench.nginx import write_reference
from bench.provision import PEERS, Peers
from bench.rows import FEW_THREADS, THREADS, Server

# In Tailcall's cache folder: the time from which on it looks for updates for a day. At 0 that day
# is long over, so it doesn't.
_TAILCALL_STATE = ("tailcall", ".state")


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that is to be."""

    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What a server's configuration is made of."""

    folder: Path
    project: Path
    nginx: list[str]
    upstream_port: int
    port: int
    watcher_port: int = 0
    metrics_port: int = 0

    @property
    def upstream_url(self) -> str:
        """Where the services are."""
        return f"http://127.0.0.1:{self.upstream_port}"


def plan_launch(server: Server, place: Place, peers: Peers) -> Launch:
    """Writes what the server reads at its start, and says how it is started."""
    return LAUNCHES[server](place, peers.programs.get(server, ""))


def _gateway(place: Place, _: str) -> Launch:
    return Launch(
        [
            *(sys.executable, "-m", "bff.cli", "serve"),
            *("--project", str(place.project), "--port", str(place.port), "--workers", "1"),
        ]
    )


def _watched(place: Place, _: str) -> Launch:
    """The gateway with metrics that are scraped, and with traces of a hundredth of its requests."""
    environ = {
        "BFF_METRICS_PORT": str(place.metrics_port),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{place.watcher_port}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }
    return Launch(_gateway(place, _).command, environ)


def _reference(place: Place, _: str) -> Launch:
    configuration = write_reference(place.folder, place.port, place.upstream_port)
    return Launch([*place.nginx, str(configuration)])


def _gunicorn(threads: int) -> Callable[[Place, str], Launch]:
    def launch(place: Place, _: str) -> Launch:
        return Launch(
            [
                *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread"),
                *("--workers", "1", "--threads", str(threads), "--keep-alive", "300"),
                *("--env", f"BENCH_THREADS={threads}", "--bind", f"127.0.0.1:{place.port}"),
                "bench.handwritten.screens:app",
            ]
        )

    return launch


def _node(script: str, *arguments: str) -> Callable[[Place, str], Launch]:
    def launch(place: Place, node: str) -> Launch:
        environ = {"NODE_ENV": "production", "PORT": str(place.port)}
        return Launch([node, str(PEERS / script), *arguments], environ)

    return launch


def _tailcall(place: Place, tailcall: str) -> Launch:
    state = place.folder.joinpath("tailcall-cache", *_TAILCALL_STATE)
    state.parent.mkdir(parents=True)
    state.write_text("0")
    environ = {
        "TAILCALL_TRACKER": "false",
        "TAILCALL_LOG_LEVEL": "error",
        "XDG_CACHE_HOME": str(place.folder / "tailcall-cache"),
    }
    return Launch([tailcall, "start", str(_fill_in("tailcall.graphql", place))], environ)


def _krakend(place: Place, krakend: str) -> Launch:
    environ = {"GOMAXPROCS": "1", "USAGE_DISABLE": "1"}
    return Launch([krakend, "run", "--config", str(_fill_in("krakend.json", place))], environ)


def _fill_in(name: str, place: Place) -> Path:
    template = Template((PEERS / name).read_text())
    file = place.folder / name
    file.write_text(template.substitute(port=place.port, upstream=place.upstream_url))
    return file


LAUNCHES: dict[Server, Callable[[Place, str], Launch]] = {
    "gateway": _gateway,
    "gateway-watched": _watched,
    "by-hand": _gunicorn(THREADS),
    "by-hand-few": _gunicorn(FEW_THREADS),
    "reference": _reference,
    "express": _node("express.js"),
    "fastify": _node("fastify.js"),
    "fastify-zod": _node("fastify.js", "validated"),
    "fastify-proxy": _node("proxy.js"),
    "tailcall": _tailcall,
    "krakend": _krakend,
}
