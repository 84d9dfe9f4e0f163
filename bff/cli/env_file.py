"""The `--env-file` option of every command: variables from a file, beside those of the process."""

import os
from pathlib import Path

import click
from dotenv import dotenv_values
from dotenv.parser import parse_stream

LARGEST_FILE = 1024 * 1024  # bytes

_META = "bff.env_file"  # under which a command finds that a file was given


def env_file_option() -> click.Option:
    """The option. It is read before all others, since their defaults may be in the file."""
    return click.Option(
        ["--env-file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_load,
        help="A file with lines NAME=value; variables that are set already win.",
    )


def has_env_file(context: click.Context) -> bool:
    """Whether the command was given an environment file."""
    return _META in context.meta


def _load(context: click.Context, _param: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    for name, value in _values(path).items():
        os.environ.setdefault(name, value)
    context.meta[_META] = True


def _values(path: Path) -> dict[str, str]:
    """The variables of the file. No error repeats a line, which may hold a secret."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise click.BadParameter(f"{path} has over {LARGEST_FILE} bytes.")
        with path.open(encoding="utf-8-sig") as stream:
            for binding in parse_stream(stream):
                if binding.error:
                    line = binding.original.line
                    raise click.BadParameter(f"{path}:{line}: this is no line NAME=value.")
        values = dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.BadParameter(f"{path} can't be read: {why}.") from None
    for name, value in values.items():
        if "\0" in f"{name}{value}":
            raise click.BadParameter(f"{path}: a variable can't hold a NUL.")
    return {name: value for name, value in values.items() if value is not None}
