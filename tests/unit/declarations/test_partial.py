"""Of a file that is partly wrong, what is right is kept, and it is known what is not."""

import pytest
from pydantic import ValidationError

from bff.declarations.documents import Document, read_document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.step import StepDecl

HEAD = "endpoint: GET /a\nsteps:\n"


def document_of(text: str) -> Document[CompositionFile]:
    read = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert read.document is not None
    assert read.problems
    return read.document


def test_right_keys_are_kept_beside_wrong_ones() -> None:
    document = document_of(f"{HEAD}  a: {{call: s.o, timeout: 5, with: {{id: 1}}, after: b}}\n")
    step = document.model.steps["a"]
    assert (step.call, step.with_, step.after, step.timeout) == ("s.o", {"id": 1}, ("b",), None)
    assert document.knows(("steps", "a", "call"))
    assert not document.knows(("steps", "a", "timeout"))
    assert not document.is_sound(("steps",))
    assert document.is_sound(("steps", "a", "with"))


def test_required_key_that_is_wrong_has_the_emptiest_value_of_its_type() -> None:
    document = document_of(f"{HEAD}  a: {{call: 5, batch: {{over: [], size: x, max: 2}}}}\n")
    step = document.model.steps["a"]
    assert step.call == ""
    assert step.batch is not None
    assert (step.batch.over, step.batch.size, step.batch.max) == ("", 0, 2)
    assert not document.knows(("steps", "a", "batch", "over"))


def test_what_is_no_mapping_is_a_mapping_of_which_nothing_is_known() -> None:
    document = document_of(f"{HEAD}  a: 5\n  b: {{call: s.o}}\n")
    assert document.model.steps["a"].call == ""
    assert not any(document.knows(("steps", "a", key)) for key in ("call", "with", "for_each"))
    assert document.knows(("steps", "b", "with"))


def test_entry_that_is_wrong_is_left_out_and_the_others_are_kept() -> None:
    document = document_of(f"{HEAD}  a: {{call: s.o}}\nviews: {{m: 5, n: [a.b], o: [1]}}\n")
    assert document.model.views == {"n": ("a.b",)}
    assert document.knows(("views",))


def test_unknown_key_stands_for_the_one_that_it_is_near_to_and_for_no_other() -> None:
    document = document_of(f"{HEAD}  a: {{call: s.o, foreach: 1}}\n  b: {{call: s.o, colour: 1}}\n")
    assert not document.knows(("steps", "a", "for_each"))
    assert document.knows(("steps", "a", "batch"))
    assert all(document.knows(("steps", "b", key)) for key in ("for_each", "with", "batch"))


def test_what_stands_under_a_misspelt_key_is_looked_at_as_if_it_were_spelt_right() -> None:
    text = (
        "endpoint: GET /a\nstep:\n  my-step: {call: s.o, on_faliure: {falback: 1}}\n"
        "  b: {call: s.o, batch: {ovr: i, size: 5, max: 4}, tmeout: 5}\n  params: {}\n"
    )
    read = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert sorted((each.path, each.what, each.place.line) for each in read.problems) == [
        ("step", "unknown key 'step'", 2),
        ("step.b.batch.max", "max 4 is less than size 5", 4),
        ("step.b.batch.ovr", "unknown key 'ovr'", 4),
        ("step.b.tmeout", "a duration has a unit", 4),
        ("step.b.tmeout", "unknown key 'tmeout'", 4),
        ("step.my-step", "'my-step' is no name that expressions can use", 3),
        ("step.my-step.on_faliure", "unknown key 'on_faliure'", 3),
        ("step.my-step.on_faliure.falback", "unknown key 'falback'", 3),
        ("step.params", "'params' has a meaning of its own in expressions", 5),
        ("step.params", "needs the key 'call'", 5),
    ]
    assert read.document is not None
    assert read.document.model.steps == {}


def test_what_stands_under_an_unknown_key_that_is_near_to_none_is_left_alone() -> None:
    document = document_of(f"{HEAD}  a: {{call: s.o, args: {{call: 1}}, colour: {{on: 1}}}}\n")
    assert document.is_sound(("steps", "a", "call"))


def test_misspelt_required_key_is_one_problem() -> None:
    text = f"{HEAD}  a: {{cal: s.o}}\n"
    (problem,) = read_document("compositions/a.yaml", text.encode(), CompositionFile).problems
    assert problem.what == "unknown key 'cal'"


def test_method_is_known_where_the_path_is_wrong() -> None:
    text = "endpoint: GET a//b\nparams: {q: {in: body, type: string}}\nsteps: {a: {call: s.o}}\n"
    problems = read_document("compositions/a.yaml", text.encode(), CompositionFile).problems
    assert [each.path for each in problems] == ["endpoint", "endpoint", "params.q"]


def test_declaration_that_is_made_by_itself_is_never_partial() -> None:
    with pytest.raises(ValidationError):
        StepDecl.model_validate({"call": "nothing"})
