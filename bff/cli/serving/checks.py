"""What the launcher checks before anything starts, in a process of its own.

The launcher lives as long as the gateway, and needs neither the compiler nor the compiled project
after this: with a thousand compositions they are 70 MB. So a child of it checks, and ends.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable

from bff.cli.serving.streams import print_line
from bff.errors import SettingsError
from bff.settings import Settings

_MOST_BYTES = 4096


def describe_or_exit(settings: Settings) -> str:
    """What is served, for people. Where it can't be, print why and end the process with 1.

    To be called before any thread is started. Python's handlers of signals run in the child too.
    """
    return _in_child(lambda: _describe(settings))


def _describe(settings: Settings) -> str:
    """An app is imported by the workers alone: what it starts, threads for instance, would run once
    too often."""
    if settings.redis_url is not None:
        from bff.redis.clients import refuse_bad_url

        try:
            refuse_bad_url(settings.redis_url)
        except SettingsError as error:
            print_line(error)
            sys.exit(1)
    if settings.app is not None:
        return settings.app
    from bff.cli.project import compile_or_exit
    from bff.environment import Environment
    from bff.plan.model.identity import NO_REDIS, SharedKeys

    project = compile_or_exit(settings.project, Environment(os.environ, settings.secrets_dir))
    keys = project.identity.api_keys
    if settings.redis_url is None and keys is not None and isinstance(keys.store, SharedKeys):
        print_line(NO_REDIS)
        sys.exit(1)
    count = len(project.compositions)
    return f"{count} composition{'' if count == 1 else 's'}"


def _in_child(work: Callable[[], str]) -> str:
    """The text that `work` returns in a child process. Where it ends the child, this process ends
    with the same status."""
    result, report = os.pipe()
    link, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        threading.Thread(target=_end_with, args=(link,), daemon=True).start()
        os._exit(_run(work, report))
    os.close(link)
    os.close(report)
    with os.fdopen(result, encoding="utf-8") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    os.close(held)
    if status != 0:
        sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
    return text


def _end_with(link: int) -> None:
    """End the child when its parent ends, in whatever way."""
    os.read(link, 1)
    os._exit(1)


def _run(work: Callable[[], str], report: int) -> int:
    """Write what `work` returns; the child's exit status."""
    try:
        os.write(report, work().encode()[:_MOST_BYTES])
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status
