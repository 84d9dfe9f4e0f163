"""Masks over plain values."""

import copy

import pytest

from bff.engine.payload.merge import apply_mask
from bff.plan.model.payload import MaskNode


def mask(*paths):
    """A mask from its paths."""
    fields = {}
    for path in paths:
        first, _, rest = path.partition(".")
        fields.setdefault(first, []).append(rest)
    return MaskNode(
        {name: MaskNode() if "" in rest else mask(*rest) for name, rest in fields.items()}
    )


VALUE = {
    "user": {"name": "Ada", "id": 1, "address": {"city": "Rome", "street": "x"}},
    "orders": [{"id": 7, "items": [{"n": 1, "x": 2}]}, None, {"id": 8, "items": []}],
    "note": None,
}


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        (["user.name"], {"user": {"name": "Ada"}}),
        (["user.address"], {"user": {"address": {"city": "Rome", "street": "x"}}}),
        (["orders.id"], {"orders": [{"id": 7}, None, {"id": 8}]}),
        (["orders.items.n"], {"orders": [{"items": [{"n": 1}]}, None, {"items": []}]}),
        (["note", "user.id"], {"note": None, "user": {"id": 1}}),
        (["note.text"], {"note": None}),
        (["gone", "user.gone"], {"user": {}}),
    ],
)
def test_mask_keeps_what_it_names_and_walks_through_lists(paths, kept):
    before = copy.deepcopy(VALUE)
    assert apply_mask(mask(*paths), VALUE) == kept
    assert before == VALUE


def test_empty_mask_keeps_everything():
    assert apply_mask(MaskNode(), VALUE) == VALUE


def test_list_at_the_top_and_lists_of_lists_are_walked_through():
    assert apply_mask(mask("a"), [[{"a": 1, "b": 2}], {"b": 3}]) == [[{"a": 1}], {}]


@pytest.mark.parametrize("value", [None, 7, "x", True])
def test_scalars_stay_as_they_are(value):
    assert apply_mask(mask("a"), value) == value
