"""Gets the peers' programs: packages by npm, KrakenD by Go, into folders of `bench/peers` that git
doesn't see. What is there already is taken as it is.

What isn't to be had is told as the reason why its rows are not measured; no run fails for it.
"""

import json
import os
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from bench.machine import find_program
from bench.rows import Server

PEERS = Path(__file__).parent / "peers"
_MODULES = PEERS / "node_modules"
_STAMP = _MODULES / ".installed"
_CACHE = PEERS / ".cache"
_TAILCALL = _MODULES / "@tailcallhq" / "core-linux-x64-gnu" / "bin" / "tailcall"
_KRAKEND_VERSION = "2.13.1"
_KRAKEND = f"github.com/krakend/krakend-ce/v2/cmd/krakend-ce@v{_KRAKEND_VERSION}"
_NPM_SECONDS = 300
_GO_SECONDS = 600
_NODE_SERVERS: tuple[Server, ...] = ("express", "fastify", "fastify-zod", "fastify-proxy")

Tell = Callable[[str], None]


class NotToBeHad(Exception):
    """A peer's program isn't there and can't be got; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Peers:
    """`programs` by the server that they are for, or what is `missing` for it, and versions."""

    programs: dict[Server, str] = field(default_factory=dict)
    missing: dict[Server, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def find_peers(servers: Collection[Server], tell: Tell) -> Peers:
    """The programs of those servers that have one of their own; `tell` hears what takes long."""
    peers = Peers()
    for server in servers:
        try:
            if server in _NODE_SERVERS:
                peers.programs[server] = _find_node(tell)
            elif server == "tailcall":
                peers.programs[server] = _find_tailcall(tell)
            elif server == "krakend":
                peers.programs[server] = _find_krakend(tell)
        except NotToBeHad as error:
            peers.missing[server] = str(error)
    if "krakend" in peers.programs:
        peers.versions["krakend"] = _KRAKEND_VERSION
    if not peers.programs.keys().isdisjoint((*_NODE_SERVERS, "tailcall")):
        peers.versions.update(_package_versions())
    return peers


def _find_node(tell: Tell) -> str:
    node = find_program("node")
    if node is None:
        raise NotToBeHad("node not found: install Node.js 20.18 or later, with npm")
    _install_packages(tell)
    return node


def _find_tailcall(tell: Tell) -> str:
    _install_packages(tell)
    if not os.access(_TAILCALL, os.X_OK):
        raise NotToBeHad("npm has no Tailcall for this machine: it is built for x86-64 and glibc")
    return str(_TAILCALL)


def _find_krakend(tell: Tell) -> str:
    built = _CACHE / "krakend-ce"
    if not os.access(built, os.X_OK):
        go = find_program("go")
        if go is None:
            raise NotToBeHad("go not found: KrakenD is built with a Go toolchain")
        tell("building KrakenD")
        _CACHE.mkdir(exist_ok=True)
        command, environ = [go, "install", _KRAKEND], {"GOBIN": str(_CACHE)}
        _run(f"go install krakend-ce {_KRAKEND_VERSION}", command, _CACHE, _GO_SECONDS, environ)
    return str(built)


def _install_packages(tell: Tell) -> None:
    """What package-lock.json names, unless just that is there."""
    wanted = sha256((PEERS / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return
    npm = find_program("npm")
    if npm is None:
        raise NotToBeHad("npm not found: install Node.js 20.18 or later, with npm")
    tell("installing packages of the peers")
    _run("npm ci", [npm, "ci", "--loglevel", "error"], PEERS, _NPM_SECONDS, {})
    _STAMP.write_text(wanted)


def _package_versions() -> dict[str, str]:
    package = json.loads((PEERS / "package.json").read_text())
    versions = {**package["dependencies"], **package["optionalDependencies"]}
    node = find_program("node")
    if node is not None:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        versions["node"] = told.stdout.strip().removeprefix("v")
    return versions


def _run(
    what: str, command: list[str], folder: Path, seconds: float, environ: dict[str, str]
) -> None:
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotToBeHad(f"{what} took more than {seconds:g} s") from error
    if ended.returncode:
        said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        raise NotToBeHad(f"{what} fails: {said[-1] if said else f'status {ended.returncode}'}")
