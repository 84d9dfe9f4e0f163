"""Imports a project's `schemas/` folder as a private package of its own.

Each load gets a fresh package (`_bff_schemas_7`), so two projects, or two versions of one, live
in one process. Rules:

1. Inside the modules `from .common import X`, `from schemas.common import X` and
   `import schemas.common` mean the private package, at import time and later: each module has an
   `__import__` of its own. Nothing is put on `sys.path` or `sys.meta_path`, and no name but the
   private ones into `sys.modules`; those stay while the load is in use (pydantic and dataclasses
   look annotations up there) and go with it.
2. Source is read and compiled here, never through `__pycache__`: a file that is edited twice
   within a second is read twice.
3. A module that fails, with whatever exception, becomes a `Problem`; the others still load. One
   that fails only because it imports a broken one adds no problem of its own.

Separate loads may run in separate threads; one load belongs to one thread.
"""

import builtins
import dis
import importlib.util
import itertools
import sys
import traceback
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from bff.declarations.suggestions import known_names
from bff.errors import Place, Problem

ROOT = "schemas"  # the package's name in the project's files

_numbers = itertools.count(1)


class SchemaModules:
    """A project's schema modules, loaded. Keys are public names: `schemas`, `schemas.orders`.

    Whatever uses a class from the modules must keep this object: the private names leave
    `sys.modules` when it goes.
    """

    def __init__(self, loader: "_Loader") -> None:
        self.package = loader.package
        self.modules: Mapping[str, ModuleType] = MappingProxyType(loader.loaded)
        self.broken: Mapping[str, Problem] = MappingProxyType(loader.broken)
        self.sources: Mapping[str, bytes] = MappingProxyType(loader.sources)
        private = [loader.private(name) for name in loader.loaded]
        weakref.finalize(self, _forget, private)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Each failure once, sorted."""
        return tuple(sorted(set(self.broken.values())))

    def public(self, text: str) -> str:
        """The text with the private package called `schemas` again."""
        return text.replace(self.package, ROOT)


def import_schemas(project: Path) -> SchemaModules:
    """Import every module below `project / "schemas"`; no such folder is an empty package."""
    loader = _Loader(project)
    for name in sorted(loader.files):
        try:
            loader.load(name)
        except _BrokenImport:
            continue  # noted in loader.broken
    return SchemaModules(loader)


class _BrokenImport(ImportError):
    """A module of the project failed to import; its problem is noted already."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.place.file} does not import")


class _Loader:
    def __init__(self, project: Path) -> None:
        self.project = project
        self.package = f"_bff_schemas_{next(_numbers)}"
        self.files = _find_modules(project / ROOT)
        self.loaded: dict[str, ModuleType] = {}
        self.running: set[str] = set()
        self.broken: dict[str, Problem] = {}
        self.sources: dict[str, bytes] = {}
        self.builtins = {**vars(builtins), "__import__": self.import_name}

    def private(self, name: str) -> str:
        return self.package + name.removeprefix(ROOT)

    def load(self, name: str) -> ModuleType:
        """The module called `name`, executed on first use; half executed within a circle."""
        if name in self.broken:
            raise _BrokenImport(self.broken[name])
        if name in self.loaded:
            return self.loaded[name]
        if name not in self.files:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        parent, _, own_name = name.rpartition(".")
        try:
            package = self.load(parent) if parent else None
        except _BrokenImport as error:
            self.broken[name] = error.problem
            raise
        if name in self.loaded:  # the parent's __init__ imported it
            return self.loaded[name]
        module = self._execute(name)
        if package is not None:
            setattr(package, own_name, module)
        return module

    def _execute(self, name: str) -> ModuleType:
        file = self.files[name]
        module = self._empty_module(name)
        self.loaded[name] = sys.modules[module.__name__] = module
        if file is None:
            return module
        self.running.add(name)
        try:
            source = self.sources[name] = file.read_bytes()
            text = importlib.util.decode_source(source)
            code = compile(text, str(file), "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 (the project's own code, as an import is)
        except BaseException as error:
            if _is_interruption(error):
                raise
            del self.loaded[name], sys.modules[module.__name__]
            self.broken[name] = (
                error.problem if isinstance(error, _BrokenImport) else self._problem(file, error)
            )
            raise _BrokenImport(self.broken[name]) from error
        finally:
            self.running.discard(name)
        return module

    def _empty_module(self, name: str) -> ModuleType:
        file = self.files[name]
        is_package = file is None or file.name == "__init__.py"
        private = self.private(name)
        module = ModuleType(private)
        namespace = vars(module)
        namespace["__builtins__"] = self.builtins
        namespace["__package__"] = private if is_package else private.rpartition(".")[0]
        namespace["__spec__"] = importlib.util.spec_from_loader(
            private, loader=None, origin=str(file), is_package=is_package
        )
        if file is not None:
            namespace["__file__"] = str(file)
        if is_package:
            namespace["__path__"] = []  # nothing for the usual import system to find
        return module

    def import_name(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Iterable[str] | None = (),
        level: int = 0,
    ) -> Any:
        """`__import__` as the project's modules see it."""
        if level:
            name = self._absolute(name, globals or {}, level)
        elif name != ROOT and not name.startswith(f"{ROOT}."):
            return builtins.__import__(name, globals, locals, tuple(fromlist or ()), 0)
        module = self.load(name)
        if not fromlist:
            return self.load(ROOT)  # `import schemas.common` binds `schemas`
        for wanted in fromlist:
            if wanted == "*" or hasattr(module, wanted):
                continue
            if f"{name}.{wanted}" in self.files:
                self.load(f"{name}.{wanted}")
            elif name in self.running:
                raise ImportError(f"cannot import '{wanted}' from {name}: the import is circular")
        return module

    def _absolute(self, name: str, globals: Mapping[str, Any], level: int) -> str:
        package = globals["__package__"].split(".")
        if level > len(package):
            raise ImportError("attempted relative import beyond top-level package")
        parts = [ROOT, *package[1 : len(package) - level + 1]]
        return ".".join([*parts, name] if name else parts)

    def _problem(self, file: Path, error: BaseException) -> Problem:
        line, column = 1, 1
        if isinstance(error, SyntaxError) and error.filename == str(file):
            line, column = error.lineno or 1, max(error.offset or 1, 1)
            text = error.msg
        else:
            for frame, at in traceback.walk_tb(error.__traceback__):
                if frame.f_code.co_filename == str(file):
                    line = at
            text = _one_line(str(error))
        text = text.replace(self.package, ROOT).replace(str(self.project), ".")
        mend = ""
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith(f"{ROOT}."):
            mend = known_names(error.name or "", self.files)
        kind = type(error).__name__
        place = Place(file.relative_to(self.project).as_posix(), line, column)
        return Problem(place, "", f"{kind}: {text}" if text else kind, mend)


def _find_modules(folder: Path) -> dict[str, Path | None]:
    """Each module's public name and file; None for a folder without `__init__.py`."""
    found: dict[str, Path | None] = {}
    if not folder.is_dir():
        return found
    found[ROOT] = None
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).with_suffix("").parts
        if not all(part.isidentifier() for part in parts):
            continue  # no import statement can name it
        if parts[-1] == "__init__":
            found[".".join((ROOT, *parts[:-1]))] = file
            continue
        for depth in range(1, len(parts)):
            found.setdefault(".".join((ROOT, *parts[:depth])), None)
        name = ".".join((ROOT, *parts))
        if found.get(name) is None:
            found[name] = file
    return found


def _is_interruption(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C: that comes in the midst of whatever runs, while what code
    raises itself comes from a `raise`."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or not isinstance(error, KeyboardInterrupt):
        return False
    return dis.opname[at.tb_frame.f_code.co_code[at.tb_lasti]] != "RAISE_VARARGS"


def _one_line(text: str) -> str:
    """The first paragraph, on one line; pydantic's errors go on with addresses to read."""
    return " ".join(text.split("\n\n", 1)[0].split())[:300]


def _forget(names: Iterable[str]) -> None:
    for name in names:
        sys.modules.pop(name, None)
