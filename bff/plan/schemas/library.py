"""The project's pydantic types, as the engine and the checker use them.

`load_schemas` imports the modules once; `SchemaLibrary.resolve` turns a reference from a service
file (`schemas.orders:OrderPage`, `list[schemas.orders:Order]`) into a `Schema`: one of each, built
here and never during a request. Read next: `bff.plan.schemas.readers`, for what a schema does.
"""

import hashlib
import inspect
import json
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

import pydantic
from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import CoreSchema, core_schema

from bff.declarations.suggestions import known_names
from bff.errors import Problem
from bff.plan.model.expressions import Part
from bff.plan.schemas.annotations import UnknownSchema, read_annotation
from bff.plan.schemas.dropping import dropping
from bff.plan.schemas.json_schemas import outgoing_schema
from bff.plan.schemas.modules import SchemaModules, import_schemas
from bff.plan.schemas.param_schemas import NULL_DEFAULTS, Absence, ParamSchema
from bff.plan.schemas.pruning import prune
from bff.plan.schemas.readers import SchemaReader
from bff.plan.schemas.refusals import find_refusal
from bff.plan.schemas.types import incoming_type, is_described_by_hand, outgoing_type
from bff.plan.schemas.validators import bound_integers
from bff.plan.types import kinds as t

_NO_TYPES = (str, bytes, int, float, list, tuple, dict, set, frozenset, ModuleType, type(None))


class PydanticSchema(SchemaReader):
    """A pydantic type as a `Schema` of `bff.plan.model.service`. Immutable; safe between threads.

    `type` is the type of what `to_json` returns, `input_type` of what `validate_value` takes.
    """

    __slots__ = ("_core_schema", "_modules", "digest", "input_type", "name")

    def __init__(
        self, name: str, schema: CoreSchema, modules: SchemaModules, *, drops: bool = False
    ) -> None:
        outgoing = outgoing_schema(schema)
        super().__init__(
            schema,
            outgoing_type(outgoing, modules.public),
            is_described_by_hand=is_described_by_hand(schema, outgoing),
            dropping=dropping(schema) if drops else None,
        )
        self.name = name
        self.input_type: t.Type = incoming_type(schema, modules.public)
        self.digest = _digest(
            name, modules.public(json.dumps(outgoing.json, sort_keys=True)), modules
        )
        self._core_schema = schema
        self._modules = modules  # its names leave sys.modules with it

    def narrowed(self, part: Part) -> "PydanticSchema | None":
        """The same schema without what is not used; None where nothing can be left out."""
        try:
            schema = prune(self._core_schema, part)
            if schema is None:
                return None
            return PydanticSchema(self.name, schema, self._modules, drops=self.drops)
        except Exception:  # the whole schema could be built, so it stays
            return None

    def dropping(self) -> "PydanticSchema":
        """The same schema, whose lists may leave elements out."""
        return PydanticSchema(self.name, self._core_schema, self._modules, drops=True)

    def for_params(self, absence: Absence = NULL_DEFAULTS) -> ParamSchema:
        """The same schema for the values of params, which a client may have sent."""
        bounded = bound_integers(self._core_schema)
        return ParamSchema(
            PydanticSchema(self.name, bounded, self._modules), bounded, self._modules, absence
        )


class SchemaLibrary:
    """A project's schemas. Not thread-safe; the schemas that it gives are."""

    def __init__(self, modules: SchemaModules) -> None:
        self._modules = modules
        self._schemas: dict[str, PydanticSchema] = {}
        self.problems: tuple[Problem, ...] = modules.problems
        self.anything = PydanticSchema("anything", core_schema.any_schema(), modules)
        self.nothing = PydanticSchema("none", core_schema.none_schema(), modules)

    def resolve(self, reference: str) -> PydanticSchema:
        """The schema that a service file names. Raises `UnknownSchema`."""
        name = reference.strip()
        if name not in self._schemas:
            namespace: dict[str, Any] = {}
            declared = read_annotation(name, partial(self._find, namespace))
            self._schemas[name] = self._build(name, declared, namespace)
        return self._schemas[name]

    def _find(self, namespace: dict[str, Any], module_name: str, path: str) -> Any:
        """The type, whose forward references are looked up in `namespace`, which gets its
        module's names."""
        module = self._module(module_name)
        for name, each in vars(module).items():
            namespace.setdefault(name, each)
        return self._member(module, module_name, path)

    def _module(self, name: str) -> ModuleType:
        if name in self._modules.broken:
            problem = self._modules.broken[name]
            raise UnknownSchema(
                f"the module {name} does not import",
                f"See {problem.place.file}:{problem.place.line}.",
                problem.place,
            )
        if name not in self._modules.modules:
            raise UnknownSchema(
                f"unknown schema module '{name}'", known_names(name, self._modules.modules)
            )
        return self._modules.modules[name]

    def _member(self, module: ModuleType, module_name: str, path: str) -> Any:
        found: Any = module
        for part in path.split("."):
            if not hasattr(found, part):
                known = (
                    name
                    for name, each in getattr(found, "__dict__", {}).items()
                    if self._looks_typed(name, each)
                )
                raise UnknownSchema(f"{module_name} has no '{part}'", known_names(part, known))
            found = getattr(found, part)
        if inspect.isroutine(found) or isinstance(found, _NO_TYPES):
            raise UnknownSchema(f"{module_name}:{path} is no type but a {_kind_of(found)}", _WANTED)
        return found

    def _looks_typed(self, name: str, each: Any) -> bool:
        if name.startswith("_"):
            return False
        if isinstance(each, type):
            return each.__module__.startswith(self._modules.package)
        return get_origin(each) is not None

    def _build(self, name: str, declared: Any, namespace: dict[str, Any]) -> PydanticSchema:
        try:
            adapter = TypeAdapter(declared)
            # An alias such as `list["Order"]` is looked up where it stands, not here
            adapter.rebuild(_types_namespace=namespace)
            schema = PydanticSchema(name, adapter.core_schema, self._modules)
        except PydanticInvalidForJsonSchema as error:
            raise UnknownSchema(
                f"{name} has no JSON form: {self._reason(error)}", _WANTED
            ) from None
        except Exception as error:  # a type's own hooks may raise anything
            raise UnknownSchema(
                f"{name} is no type for pydantic: {self._reason(error)}", _WANTED
            ) from None
        refusal = find_refusal(adapter.core_schema)
        if refusal is None:
            return schema
        where = f"{name}, in {refusal.place}," if refusal.place else name
        raise UnknownSchema(f"{where} {refusal.what}", refusal.mend)

    def _reason(self, error: Exception) -> str:
        return self._modules.public(" ".join(str(error).split("\n", 1)[0].split()))[:300]


_WANTED = "Name a pydantic model, a TypedDict, a dataclass, or an alias of such types."


def load_schemas(project: Path) -> SchemaLibrary:
    """Import the modules in `project / "schemas"`; those that fail are in `problems`."""
    return SchemaLibrary(import_schemas(project))


def _digest(name: str, json_schema: str, modules: SchemaModules) -> str:
    """Changes with the outgoing form, with any module's source (validators), and with pydantic."""
    digest = hashlib.blake2b(f"{pydantic.VERSION}\n{name}\n{json_schema}".encode(), digest_size=20)
    for module, source in sorted(modules.sources.items()):
        digest.update(f"\n{module} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def _kind_of(value: Any) -> str:
    return "function" if inspect.isroutine(value) else type(value).__name__
