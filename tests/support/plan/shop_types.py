"""A root as a composition's expressions see it, for tests of the checker."""

from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable, union


def object_of(
    name: str | None = None, /, extra: t.Type | None = None, **fields: t.Type | t.Field
) -> t.ObjectOf:
    """An object of the fields; a `t.Field` says for itself whether it is required."""
    parts = (
        (key, each if isinstance(each, t.Field) else t.Field(each)) for key, each in fields.items()
    )
    return t.ObjectOf(tuple(parts), extra, name)


def _tree() -> t.Named:
    definitions: dict[str, t.Type] = {}
    named = t.Named("schemas.shop:Node", definitions)
    definitions[named.name] = object_of("Node", label=t.STRING, children=t.ListOf(named))
    return named


ITEM = object_of("Item", product_id=t.INTEGER, price=nullable(t.NUMBER))
ORDER = object_of(
    "Order",
    id=t.INTEGER,
    total=t.NUMBER,
    note=nullable(t.STRING),
    status=union(t.Constant("open"), t.Constant("shipped")),
    items=t.ListOf(ITEM),
    placed=t.Field(t.STRING, required=False),
)
USER = object_of(
    "User",
    id=t.INTEGER,
    name=t.STRING,
    nick=nullable(t.STRING),
    vip=t.BOOLEAN,
    tags=t.ListOf(t.STRING),
)
CARD = object_of("Card", kind=t.Constant("card"), number=t.STRING)
BANK = object_of("Bank", kind=t.Constant("bank"), fee=t.INTEGER)
ROOT = object_of(
    params=object_of(user_id=t.INTEGER, q=nullable(t.STRING)),
    user=USER,
    guest=nullable(USER),
    orders=t.ListOf(ORDER),
    late=nullable(t.ListOf(ORDER)),
    matrix=t.ListOf(t.ListOf(t.INTEGER)),
    payment=union(CARD, BANK),
    payments=t.ListOf(union(CARD, BANK)),
    tree=_tree(),
    stock=object_of(extra=t.INTEGER),
    loose=t.ANYTHING,
    loosely=t.ListOf(t.ANYTHING),
)
