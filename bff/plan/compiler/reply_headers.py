"""Compiles the headers of replies that count, and the type of `headers` in expressions.

A step has headers where it makes one call: of several replies there would be several of each.
"""

from collections.abc import Mapping

from bff.declarations.models.step import StepDecl
from bff.plan.compiler.services import Services
from bff.plan.model.service import Operation, ReplyHeader
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable


def headers_of_step(declared: StepDecl, operation: Operation) -> tuple[ReplyHeader, ...]:
    """The headers that are read of the step's reply."""
    return operation.reply_headers if _calls_once(declared) else ()


def type_of_headers(steps: Mapping[str, StepDecl], services: Services) -> t.ObjectOf | None:
    """The type of `headers`: an object of those of each step; None where no operation has any."""
    operations = {name: services.operations.get(each.call) for name, each in steps.items()}
    if not any(each is not None and each.reply_headers for each in operations.values()):
        return None
    found = [
        (name, t.Field(_type_of_one(headers)))
        for name, each in operations.items()
        if each is not None and (headers := headers_of_step(steps[name], each))
    ]
    knows_all = all(each is not None for each in operations.values())
    return t.ObjectOf(tuple(found), None if knows_all else t.ANYTHING, t.HEADERS_NAME)


def _calls_once(declared: StepDecl) -> bool:
    several = (declared.batch, declared.for_each, declared.paginate)
    return all(each is None for each in several)


def _type_of_one(headers: tuple[ReplyHeader, ...]) -> t.ObjectOf:
    return t.ObjectOf(tuple((each.name, t.Field(nullable(each.type))) for each in headers))
