"""Follows a document as a reader does, in a terminal: runs its commands, compares what they show.

    ```sh      commands; one that serves goes on in a terminal of its own
    ```        what the commands of the block before show
    ```yaml    a file by the comment in its first line; `from response: on`, what it ends with now
    ```json    a line of the log of the gateway that serves

Times, bars, ids and ports differ from run to run, and are not compared.
"""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.ports import free_port

_SERVING = re.compile(r"(\bbff serve\b|-m stand_in\.)")
_VARYING = (
    (re.compile(r"[━╸╺]+"), "━"),
    (re.compile(r"\d+ ms"), "N ms"),
    (re.compile(r"in [\d.]+s"), "in N s"),
    (re.compile(r"ttl=\d+"), "ttl=N"),
    (re.compile(r'"request_id": "\w+"'), '"request_id": "…"'),
    (re.compile(r" +"), " "),
)


_TIMES = ("@timestamp", "event.duration", "trace.id")


class Reader:
    """Reads in an empty `folder`. `variables` are those of its terminals, `shown_ports` those that
    the document names; each stands for a free one."""

    def __init__(
        self, folder: Path, variables: Mapping[str, str], shown_ports: tuple[str, ...]
    ) -> None:
        self.folder = folder
        self.serving: list[tuple[str, subprocess.Popen[bytes], Path]] = []
        self._ports = {shown: str(free_port()) for shown in shown_ports}
        self._environ = {**os.environ, "TERM": "dumb", "COLUMNS": "80", **variables}
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for _command, process, _log in self.serving:
            _end(process)

    def follow(self, document: str, skip: tuple[str, ...] = ()) -> None:
        """Do what the document says, but for commands that begin so."""
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", document, re.M | re.S):
            match language:
                case "sh":
                    commands = [line for line in text.splitlines() if not line.startswith(skip)]
                    self._shown = "".join(map(self._run, commands))
                case "yaml":
                    self._write(text)
                case "json":
                    self._find_in_log(json.loads(text))
                case _:
                    assert _steady(self._shown) == _steady(text), self._shown

    def _run(self, command: str) -> str:
        """What the terminal shows of a command; of one that serves, nothing."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return ""
        if command.startswith(". .venv/"):
            self._environ["PATH"] = f"{self.folder}/.venv/bin:{self._environ['PATH']}"
            return ""
        if _SERVING.search(command):
            self._serve(command)
            return ""
        terminal, end = pty.openpty()
        with subprocess.Popen(
            ["bash", "-c", self._own(command)],
            cwd=self.folder, env=self._environ, stdin=subprocess.DEVNULL, stdout=end, stderr=end,
        ):  # fmt: skip
            os.close(end)
            shown = b""
            with suppress(OSError):  # EIO: the command has ended
                while piece := os.read(terminal, 65536):
                    shown += piece
        os.close(terminal)
        if command.startswith("bff new "):
            self._move_ports(self.folder / command.removeprefix("bff new "))
        return self._as_shown(shown.decode().replace("\r\n", "\n"))

    def _serve(self, command: str) -> None:
        """Start it; one of the kind that serves now ends before."""
        program = _SERVING.findall(command)[0]
        for known in [each for each in self.serving if each[0] == program]:
            _end(known[1])
            self.serving.remove(known)
        shown = "8080" if "bff serve" in command else "9101"
        log = self.folder / f"log-{program[:5].strip('-m ')}-{time.monotonic_ns()}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec env {command}"],
                cwd=self.folder, stdout=output, stderr=output, start_new_session=True,
                env={**self._environ, "BFF_PORT": self._ports["8080"]},
            )  # fmt: skip
        self.serving.append((program, process, log))
        deadline = time.monotonic() + WAIT_BUDGET_SECONDS
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", int(self._ports[shown])), 1).close()
                return
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"nothing listens: {command}"
            time.sleep(0.05)

    def _write(self, text: str) -> None:
        title, _, content = text.partition("\n")
        name, _, kept = title.removeprefix("# ").partition(", from ")
        file = self.folder / name
        if kept:
            before, begin, _ = file.read_text().partition(kept.removesuffix(" on"))
            assert begin
            file.write_text(before + content)
        else:
            file.write_text(text)

    def _find_in_log(self, wanted: Mapping[str, Any]) -> None:
        """A line with these values, but for times, comes soon."""
        log = self.serving[-1][2]
        deadline = time.monotonic() + WAIT_BUDGET_SECONDS
        while True:
            lines = self._as_shown(log.read_text()).splitlines()
            found = [json.loads(line) for line in lines if line.startswith("{")]
            if _untimed(wanted) in map(_untimed, found):
                return
            assert time.monotonic() < deadline, lines
            time.sleep(0.05)

    def _move_ports(self, folder: Path) -> None:
        for file in folder.rglob("*"):
            if file.is_file():
                file.write_text(self._own(file.read_text()))

    def _own(self, text: str) -> str:
        for shown, own in self._ports.items():
            text = text.replace(shown, own)
        return text

    def _as_shown(self, text: str) -> str:
        for shown, own in self._ports.items():
            text = text.replace(own, shown)
        return text


def _steady(text: str) -> list[str]:
    for varying, steady in _VARYING:
        text = varying.sub(steady, text)
    return [line.strip() for line in text.strip().split("\n")]


def _untimed(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in line.items() if name not in _TIMES}


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(WAIT_BUDGET_SECONDS)
