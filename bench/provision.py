"""Gets the peers' programs: packages by npm, KrakenD by Go, into folders of `bench/peers` that git
doesn't see. What is there already is taken as it is. `KRAKEND=PATH` names a KrakenD binary, for
where Go's module proxy has none.

What isn't to be had is reported as the reason why its rows are not measured; no run fails for it.
"""

import json
import os
import re
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
_NAME_ONE = "KRAKEND=PATH names a binary"
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
        peers.versions["krakend"] = _krakend_version(peers.programs["krakend"])
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
    named = os.environ.get("KRAKEND")
    if named:
        path = Path(named).resolve()
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise NotToBeHad(f"KRAKEND={named} is no program")
        return str(path)
    built = _CACHE / "krakend-ce"
    if os.access(built, os.X_OK):
        return str(built)
    go = find_program("go")
    if go is None:
        raise NotToBeHad(f"go not found: KrakenD is built with a Go toolchain ({_NAME_ONE})")
    tell("building KrakenD")
    _CACHE.mkdir(exist_ok=True)
    what, environ = f"go install krakend-ce {_KRAKEND_VERSION}", {"GOBIN": str(_CACHE)}
    try:
        _run(what, [go, "install", _KRAKEND], _CACHE, _GO_SECONDS, environ)
    except NotToBeHad as error:
        raise NotToBeHad(f"{error} ({_NAME_ONE})") from error
    return str(built)


def _krakend_version(krakend: str) -> str:
    """What it says of itself; empty where it says nothing."""
    command = [krakend, "version"]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+\.\d+", printed.stdout)
    return found.group() if found else ""


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
        printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        versions["node"] = printed.stdout.strip().removeprefix("v")
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
