"""`python -m examples.demo`: start everything, make the show's requests, draw their results."""

import io
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import click
import httpx
from rich.console import Console
from rich.text import Text

from bff.redis.embedded import start_embedded_redis
from examples.demo.callers import USER, AttemptResult, log_in, try_all
from examples.demo.numbers import read_numbers
from examples.demo.processes import DemoFailed, DemoServers, running_demo
from examples.demo.scenes import (
    draw_addresses,
    draw_attempts,
    draw_numbers,
    draw_scene,
    draw_summary,
)
from examples.demo.show import ACTS, ActResult, perform

_WIDTH = 100
_PORT = 8080  # for whoever types addresses
_REQUEST_SECONDS = 20
_NUMBERS_SECONDS = 1.5  # workers send theirs once a second


@click.command()
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(__file__).parents[2],
    help="Another checkout of the repository.",
)
@click.option("--once", is_flag=True, help="End after the show; non-zero when anything failed.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the first scene to this file, as SVG.",
)
def demo(project: Path, once: bool, picture: Path | None) -> None:
    """Start Redis, the sample services, an issuer and the gateway; call every screen, as every kind
    of caller, and show what came."""
    console = _console()
    with _signals_as_interrupts():
        try:
            failures = _run(console, project.resolve(), once=once, picture=picture)
        except KeyboardInterrupt:
            console.print("\n Stopped.")
            sys.exit(130)
    if failures:
        console.print(f"\n [bold red]{len(failures)} failed:[/]")
        for failure in failures:
            console.print(Text(f" ✗ {failure}", style="red"))
        sys.exit(1)


def play(running: DemoServers, console: Console) -> tuple[list[ActResult], list[AttemptResult]]:
    """Make every act's calls and every caller's attempts, drawing each scene as it is done."""
    show: list[ActResult] = []
    login = log_in(running, USER)
    with httpx.Client(
        base_url=running.gateway,
        headers=login.headers,
        trust_env=False,
        timeout=_REQUEST_SECONDS,
    ) as client:
        client.get("/healthz")  # so that no act pays for the connection
        for act in ACTS:
            show.append(perform(act, client, running))
            console.print(draw_scene(show[-1]))
    console.print(draw_summary(show))
    tried = try_all(running, login)
    console.print(draw_attempts(tried))
    time.sleep(_NUMBERS_SECONDS)
    console.print(draw_numbers(read_numbers(running), running.metrics))
    return show, tried


def _run(console: Console, project: Path, *, once: bool, picture: Path | None) -> list[str]:
    def say(name: str, where: str) -> None:
        console.print(Text.assemble(("  ✓ ", "green"), (f"{name:<12}", "bold"), where))

    console.print()
    with start_embedded_redis() as redis, ExitStack() as stack:
        say("cache", redis.description)
        with console.status("starting the services and the gateway …"):
            port = 0 if once else _PORT
            running = stack.enter_context(running_demo(project, redis.url, say, gateway_port=port))
        show, tried = play(running, console)
        if picture is not None:
            _paint(show[0], picture)
        failures = [failure for result in show for failure in result.failures]
        failures += [result.failure for result in tried if result.failure is not None]
        if not once:
            login = log_in(running, USER)
            console.print(draw_addresses(running, login.headers), soft_wrap=True)
            _stay_up(running, console)
    return failures


def _stay_up(running: DemoServers, console: Console) -> None:
    """Wait for Ctrl-C. A service may die, and the gateway shows how it bears that; the gateway's
    own end is the demo's."""
    ended: set[str] = set()
    try:
        console.print("\n [bold]It stays up until you press Ctrl-C.[/]")
        while True:
            running.processes["gateway"].refuse_dead()
            for name in running.services.keys() - ended:
                try:
                    running.processes[name].refuse_dead()
                except DemoFailed as failed:
                    ended.add(name)
                    console.print(Text(f" {failed.message}", style="yellow"))
            time.sleep(0.3)
    except KeyboardInterrupt:
        console.print("\n Stopping …")


def _console() -> Console:
    """At most 100 columns, which is what the scenes are drawn for; exactly that in a pipe."""
    console = Console(highlight=False)
    width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    return Console(highlight=False, width=width)


def _paint(result: ActResult, picture: Path) -> None:
    recorder = Console(record=True, width=_WIDTH, file=io.StringIO(), highlight=False)
    recorder.print(draw_scene(result))
    svg = recorder.export_svg(title="make demo")
    # Rich's pictures fetch their font from a third party; any monospaced one will do.
    picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), "utf-8")


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """A closed terminal and a polite kill end the demo as Ctrl-C does: with everything stopped."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell that starts commands in the background has it ignored.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    demo(prog_name="demo")
