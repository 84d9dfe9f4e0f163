"""A project's folder to documents: gateway.yaml, services/*.yaml, compositions/**/*.yaml.

Reads every file, in sorted order, and reports every problem, whatever else is broken. The compiler
checks whether names in one file exist in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bff.declarations.declaration import Declaration
from bff.declarations.documents import Document, Wanted, empty_document, read_document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.forms import label_violation
from bff.declarations.models.gateway import GatewayFile
from bff.declarations.models.service import ServiceFile
from bff.environment import Environment
from bff.errors import Place, Problem

GATEWAY = "gateway.yaml"
SERVICES = "services"
COMPOSITIONS = "compositions"

M = TypeVar("M", bound=Declaration)


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """A project's files as documents, and all their problems. The document of a file with problems
    holds what is right. A file that is not YAML has none; gateway.yaml has its defaults then.

    Services are named by their files' stems, compositions by their paths below `compositions/`
    without the ending: `account/history`.
    """

    folder: Path
    gateway: Document[GatewayFile]
    services: Mapping[str, Document[ServiceFile]]
    compositions: Mapping[str, Document[CompositionFile]]
    problems: tuple[Problem, ...]  # sorted
    wanted: tuple[Wanted, ...]  # sorted; none where there is an environment


def read_project(folder: Path, environment: Environment | None = None) -> ProjectFiles:
    """Read every declaration in `folder`; raises nothing for what is broken or not there. Without
    an environment, names without a default are listed."""
    reader = _Reader(folder, environment)
    gateway = reader.gateway()
    services = reader.files(SERVICES, ServiceFile)
    compositions = reader.files(COMPOSITIONS, CompositionFile)
    problems, wanted = tuple(sorted(reader.problems)), tuple(sorted(reader.wanted))
    return ProjectFiles(folder, gateway, services, compositions, problems, wanted)


class _Reader:
    def __init__(self, folder: Path, environment: Environment | None) -> None:
        self.folder = folder
        self.environment = environment
        self.problems: list[Problem] = []
        self.wanted: list[Wanted] = []

    def gateway(self) -> Document[GatewayFile]:
        path = self.folder / GATEWAY
        document: Document[GatewayFile] | None = None
        if path.is_file():
            document = self._read(path, GatewayFile)
        elif path.with_suffix(".yml").is_file():
            self._refuse_ending(path.with_suffix(".yml"))
        else:
            self._add(
                GATEWAY, "a project has this file, and it is not there",
                "Create it (an empty one takes every default), or name the project's folder:"
                " --project DIR.",
            )  # fmt: skip
        return document or empty_document(GATEWAY, GatewayFile())

    def files(self, below: str, model: type[M]) -> dict[str, Document[M]]:
        documents: dict[str, Document[M]] = {}
        base = self.folder / below
        self._check_link(base)
        for path in sorted(base.rglob("*")):
            relative = path.relative_to(base)
            if any(part.startswith(".") for part in relative.parts):
                continue
            if path.is_dir() or path.suffix in (".yaml", ".yml"):
                self._check_link(path)
            if not path.is_file():
                continue
            if path.suffix == ".yml":
                self._refuse_ending(path)
                continue
            name = relative.with_suffix("").as_posix()
            if path.suffix != ".yaml" or not self._accepts(path, name, below):
                continue
            document = self._read(path, model)
            if document is not None:
                documents[name] = document
        return documents

    def _accepts(self, path: Path, name: str, below: str) -> bool:
        if below == SERVICES and "/" in name:
            self._add(
                self._file(path), "a service's file in a folder of its own",
                f"Move it to {SERVICES}/: its name is the service's.",
            )  # fmt: skip
            return False
        if any(map(label_violation, name.split("/"))):
            self._add(
                self._file(path), f"'{name}' is no name",
                "Name the file with letters, digits, underscores and dashes.",
            )  # fmt: skip
            return False
        return True

    def _read(self, path: Path, model: type[M]) -> Document[M] | None:
        file = self._file(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            self._add(file, f"can't be read: {error.strerror}", "")
            return None
        read = read_document(file, content, model, self.environment)
        self.problems += read.problems
        self.wanted += read.wanted
        return read.document

    def _check_link(self, path: Path) -> None:
        """Report a link that leads to no file."""
        if not path.is_symlink() or path.is_file():
            return
        if not path.is_dir():
            what, mend = "a link that leads nowhere", "Remove it, or let it lead to a file."
            self._add(self._file(path), what, mend)
        elif path.parent != self.folder:
            what, mend = "a link to a folder, which is not followed", "Put the files here."
            self._add(self._file(path), what, mend)

    def _refuse_ending(self, path: Path) -> None:
        self._add(
            self._file(path), "files of a project end in .yaml",
            f"Rename it to {path.with_suffix('.yaml').name}.",
        )  # fmt: skip

    def _add(self, file: str, what: str, mend: str) -> None:
        self.problems.append(Problem(Place(file, 1, 1), "", what, mend))

    def _file(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
