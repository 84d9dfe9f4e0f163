"""Operations, their params and the schemas of their replies, built by hand for plans that are
(`tests.support.plan.plans`)."""

import re
from collections.abc import Callable
from typing import Any, get_origin

from pydantic import TypeAdapter

from bff.plan.decoding.decoders import compile_decoder
from bff.plan.model.service import BodyFormat, Dropped, Operation, OperationParam, Style
from bff.plan.types.kinds import ANYTHING, Type


class AdapterSchema:
    """A pydantic type as a `Schema`, by the shortest way: the library's own is tested elsewhere."""

    def __init__(self, annotation: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self.name = str(annotation)
        self.type: Type = ANYTHING
        self.digest = self.name

    def read(self, body: bytes, *, json: bool, text: bool) -> tuple[Any, bytes | None]:
        value = self.validate(body)
        return self.to_json(value) if json else None, self.to_bytes(value) if text else None

    def read_sound(
        self, body: bytes, *, json: bool, text: bool
    ) -> tuple[Any, bytes | None, Dropped | None]:
        return (*self.read(body, json=json, text=text), None)

    def validate(self, body: bytes) -> Any:
        return self._adapter.validate_json(body)

    def validate_value(self, value: Any) -> Any:
        return self._adapter.validate_python(value)

    def to_bytes(self, value: Any) -> bytes:
        return self._adapter.dump_json(value, by_alias=True)

    def to_json(self, value: Any) -> Any:
        return self._adapter.dump_python(value, mode="json", by_alias=True)


def param(
    name: str,
    location: str = "query",
    *,
    required: bool = True,
    default: Any = None,
    is_list: bool = False,
    style: Style = "repeat",
    slash: bool = False,
    check: Callable[[Any], Any] = lambda value: value,
) -> OperationParam:
    """An operation's param that takes any value, unless `check` says otherwise."""
    return OperationParam(
        name,
        location,  # type: ignore[arg-type]
        name,
        ANYTHING,
        location == "path" or (required and default is None),
        default,
        is_list,
        style,
        slash,
        check,
    )


def operation(
    request: str,
    *params: OperationParam,
    returns: Any = Any,
    service: str = "upstream",
) -> Operation:
    """An operation from its request line. Path params that aren't among `params` are plain ones."""
    method, _, target = request.partition(" ")
    path, _, query = target.partition("?")
    known = {each.name: each for each in params}
    parts: list[str | OperationParam] = []
    for text in re.split(r"(\{\w+\})", path):
        if text.startswith("{"):
            name = text[1:-1]
            parts.append(known.setdefault(name, param(name, "path")))
        elif text:
            parts.append(text)
    return Operation(
        name=f"{service}.{request}",
        service=service,
        method=method,
        path=tuple(parts),
        query=query,
        params=tuple(known.values()),
        body=_body_format({each.location for each in known.values()}),
        returns=AdapterSchema(returns),
        returns_list=get_origin(returns) is list,
        timeout_seconds=10.0,
        writes=method not in ("GET", "HEAD"),
        digest=request,
        reply_format="json",
        decode=compile_decoder("json", ANYTHING, ","),
    )


def _body_format(locations: set[str]) -> BodyFormat | None:
    if "form" in locations:
        return BodyFormat("form", "application/x-www-form-urlencoded")
    return BodyFormat("fields", "application/json") if "body" in locations else None
