"""What a composition reads: the inputs that its key holds, and the forms that its steps' values are
needed in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bff.plan.compiler.roots import CLAIMS
from bff.plan.model.caching import Tags
from bff.plan.model.expressions import Template
from bff.plan.model.payload import Computed, Join, Shape, Splice
from bff.plan.model.steps import Step

_INPUTS = ("params", CLAIMS)


@dataclass(frozen=True, slots=True)
class Readers:
    """Everything of a composition that reads; `tags` are its payload's, `head` what its status and
    headers read."""

    steps: Sequence[Step]
    joins: Sequence[Join]
    shapes: Sequence[Shape]
    tags: Sequence[Tags]
    purges: Sequence[Tags]
    head: Sequence[Template] = ()


def with_needs(readers: Readers) -> tuple[Step, ...]:
    """The steps, marked with the forms that their values are needed in: JSON, bytes."""
    read: set[str] = {join.into_step for join in readers.joins}
    for reader in (*_shaping(readers), *readers.purges):
        read |= {path[0] for path in reader.reads}  # of a step of headers, its body isn't read
    spliced = {
        segment.step
        for shape in readers.shapes
        for segment in shape.segments
        if isinstance(segment, Splice)
    }
    return tuple(
        replace(step, needs_json=step.name in read, needs_bytes=step.index in spliced)
        for step in readers.steps
    )


def key_reads(readers: Readers) -> frozenset[tuple[str, ...]]:
    """The inputs that reach the payload by any path: `("params", "user_id")`, `("claims",)`."""
    inputs = {
        path[:2] for reader in _shaping(readers) for path in reader.reads if path[0] in _INPUTS
    }
    return frozenset(path for path in inputs if len(path) == 1 or path[:1] not in inputs)


def _shaping(readers: Readers) -> Iterable[Template | Tags]:
    for step in readers.steps:
        yield from (each.template for each in step.expressions())
    yield from (join.source for join in readers.joins)
    for shape in readers.shapes:
        for segment in shape.segments:
            if isinstance(segment, Computed):
                yield segment.template
    yield from readers.head
    yield from readers.tags
