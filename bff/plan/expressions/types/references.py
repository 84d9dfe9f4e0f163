"""Direct references: whether the place that an expression names may be absent, and its type."""

from bff.plan.model.expressions import Reference
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, nullable, union


def refer(path: tuple[str, ...], root: t.ObjectOf) -> Reference:
    """The reference to the place at `path`, which inference found no problem with."""
    present: t.Type = root
    may_be_absent = passes_null = False
    for depth, name in enumerate(path):
        found: list[t.Type] = []
        for each in alternatives(present):
            match each:
                case t.ObjectOf(fields, extra):
                    field = dict(fields).get(name)
                    if field is None:
                        field = t.Field(t.NOTHING if extra is None else extra, required=False)
                    found.append(field.type)
                    may_be_absent |= depth > 0 and not field.required
                case t.Anything():
                    found.append(t.ANYTHING)
                    may_be_absent = True
                case _:
                    passes_null = True
        present = union(*found)
    return Reference(path, nullable(present) if passes_null else present, may_be_absent)
