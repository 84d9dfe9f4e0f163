"""`bff new`: a project that checks and serves as it is, to begin from."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

# Written under these names: packages of Python leave out files that begin with a dot.
_DOTTED = {"gitignore": ".gitignore", "env.example": ".env.example"}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def new(folder: Path) -> None:
    """Write a new project into FOLDER.

    The folder is empty, or does not exist yet."""
    if folder.exists() and not folder.is_dir():
        raise click.ClickException(f"{folder} is a file; name a folder")
    if folder.is_dir() and (found := sorted(each.name for each in folder.iterdir())):
        raise click.ClickException(
            f"{folder} is not empty: it holds {found[0]}; name a folder that does not exist yet"
        )
    written: list[Path] = []
    try:
        for path, source in _starter_files():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            written.append(target)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    click.echo("\n".join(map(str, written)))
    click.echo(
        f"\nIn {folder} run `python -m stand_in.books`, and `bff serve` in a second terminal.\n"
        "Then open http://127.0.0.1:8080/screens/book/1, and README.md."
    )


def _starter_files() -> Iterator[tuple[str, Traversable]]:
    """Each file of the starter project, by its path in the new one."""
    folders = [("", files("bff.cli").joinpath("starter"))]
    while folders:
        above, folder = folders.pop()
        for entry in sorted(folder.iterdir(), key=lambda each: each.name):
            if entry.is_dir():
                if entry.name != "__pycache__":
                    folders.append((f"{above}{entry.name}/", entry))
            else:
                yield f"{above}{_DOTTED.get(entry.name, entry.name)}", entry
