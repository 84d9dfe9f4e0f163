"""What a composition may say, and what is told about one that says it wrong."""

import json

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.composition import CompositionFile, ShapeViewDecl
from bff.declarations.models.step import FallbackDecl
from bff.errors import Problem
from tests.support.marks import without_mark

STEP = "a: {call: s.o}"


def problems_of(text: str) -> list[Problem]:
    return list(read_document("compositions/a.yaml", text.encode(), CompositionFile).problems)


def read(text: str) -> CompositionFile:
    found = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert found.document is not None
    assert found.problems == ()
    return found.document.model


def check(marked: str, path: str, what: str, mend: str) -> None:
    text, line, column = without_mark(marked)
    (problem,) = problems_of(text)
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.path == path
    assert what in problem.what
    assert mend in problem.mend


STEPS = {
    # the steps: the path below `steps`, what is said, part of the remedy
    "no call": ("a: ▶{}", "a", "needs the key 'call'", ""),
    "unknown key": ("a: {call: s.o, ▶wiht: {}}", "a.wiht", "unknown key 'wiht'", "'with'"),
    "call of a service": (
        "a: {call: ▶orders}", "a.call", "'orders' is no operation", "users.get_user",
    ),
    "call of a number": ("a: {call: ▶1}", "a.call", "1 is not a text", "quotes"),
    "with a list": ("a: {call: s.o, with: ▶[1]}", "a.with", "a list is not a mapping", ""),
    "when with nothing": ("a: {call: s.o, when:▶ }", "a.when", "has no value", "leave the key out"),
    "with nothing": ("a: {call: s.o, with:▶ }", "a.with", "has no value", "leave the key out"),
    "after a number": ("a: {call: s.o, after: ▶1}", "a.after", "1 is not a list", ""),
    "after numbers": ("a: {call: s.o, after: [b, ▶1]}", "a.after[1]", "1 is not a text", ""),
    "when without an expression": (
        "a: {call: s.o, when: ▶user.active}", "a.when", "this is no expression", "${user.active}",
    ),
    "when true": ("a: {call: s.o, when: ▶true}", "a.when", "true is not a text", ""),
    "hidden yes": (
        "a: {call: s.o, hidden: ▶yes}", "a.hidden", "'yes' is not true or false", "YAML 1.2",
    ),
    "unknown failure policy": (
        "a: {call: s.o, on_failure: ▶optonal}", "a.on_failure", "no way to take a failure",
        "'optional'",
    ),
    "misspelt failure policy": (
        "a: {call: s.o, on_failure: ▶stael}", "a.on_failure", "no way to take a failure",
        "Known: fail, optional, stale, {fallback: …}. Did you mean 'stale'?",
    ),
    "empty failure policy": (
        "a: {call: s.o, on_failure: ▶[]}", "a.on_failure", "no way to take a failure", "",
    ),
    "expression in a fallback": (
        "a: {call: s.o, on_failure: {fallback: {name: ▶'${params.name}'}}}",
        "a.on_failure.fallback.name", "a constant stands here", "Write the value itself",
    ),
    "misspelt fallback": (
        "a: {call: s.o, on_failure: {fallback: 1, ▶fallbak: 1}}", "a.on_failure.fallbak",
        "unknown key 'fallbak'", "'fallback'",
    ),
    "status out of range": (
        "a: {call: s.o, statuses: {▶200: null}}", "a.statuses.200", "'200' is no status",
        "300 to 599",
    ),
    "status that is no number": (
        "a: {call: s.o, statuses: {▶4xx: null}}", "a.statuses.4xx", "'4xx' is no status", "",
    ),
    "status that means something else": (
        "a: {call: s.o, statuses: {404: ▶empty}}", "a.statuses.404", "null, fail or {reply: …}", "",
    ),
    "status with null in quotes": (
        "a: {call: s.o, statuses: {404: ▶'null'}}", "a.statuses.404", "null, fail or {reply: …}",
        "without quotes",
    ),
    "statuses in a list": ("a: {call: s.o, statuses: ▶[404]}", "a.statuses", "a mapping", ""),
    "batch and for_each": (
        "a: {call: s.o, batch: {over: i, size: 1, max: 1},"
        " ▶for_each: {over: '${b}', as: n, max: 1}}",
        "a.for_each", "not both", "",
    ),
    "batch without max": (
        "a: {call: s.o, batch: ▶{over: i, size: 1}}", "a.batch", "needs the key 'max'", "",
    ),
    "batch of none": (
        "a: {call: s.o, batch: {over: i, size: ▶0, max: 1}}", "a.batch.size",
        "0 is not at least 1", "",
    ),
    "batch of a text": (
        "a: {call: s.o, batch: {over: i, size: ▶'5', max: 9}}", "a.batch.size",
        "'5' is not a whole number", "",
    ),
    "batch with max below size": (
        "a: {call: s.o, batch: {over: i, size: 5, max: ▶4}}", "a.batch.max",
        "max 4 is less than size 5", "",
    ),
    "select in braces": (
        "a: {call: s.o, batch: {over: i, size: 1, max: 1, select: ▶'${x}'}}", "a.batch.select",
        "an expression stands alone here", "Leave out",
    ),
    "for_each without max": (
        "a: {call: s.o, for_each: ▶{over: '${b}', as: n}}", "a.for_each", "needs the key 'max'",
        "",
    ),
    "for_each over a name": (
        "a: {call: s.o, for_each: {over: ▶b, as: n, max: 1}}", "a.for_each.over",
        "this is no expression", "${b}",
    ),
    "for_each as a root name": (
        "a: {call: s.o, for_each: {over: '${b}', as: ▶params, max: 1}}", "a.for_each.as",
        "a meaning of its own", "",
    ),
    "for_each as no name": (
        "a: {call: s.o, for_each: {over: '${b}', as: ▶a-b, max: 1}}", "a.for_each.as",
        "no name that expressions can use", "",
    ),
    "step called params": (
        "▶params: {call: s.o}", "params", "a meaning of its own", "another name",
    ),
    "step called claims": ("▶claims: {call: s.o}", "claims", "a meaning of its own", ""),
    "step called headers": ("▶headers: {call: s.o}", "headers", "a meaning of its own", ""),
    "step called error": ("▶error: {call: s.o}", "error", "a meaning of its own", ""),
    "step called reply": ("▶reply: {call: s.o}", "reply", "a meaning of its own", ""),
    "step called env": ("▶env: {call: s.o}", "env", "a meaning of its own", ""),
    "step called secret": ("▶secret: {call: s.o}", "secret", "a meaning of its own", ""),
    "step called degraded": ("▶degraded: {call: s.o}", "degraded", "a meaning of its own", ""),
    "step with a dash": (
        "▶my-step: {call: s.o}", "my-step", "no name that expressions can use", "underscores",
    ),
    "batch of more than there can be": (
        "a: {call: s.o, batch: {over: ids, size: 1, max: ▶2147483648}}", "a.batch.max",
        "is not at most 2147483647", "",
    ),
    "calls at once of more than there can be": (
        "a: {call: s.o, for_each: {over: '${b}', as: x, max: 1, concurrency: ▶2147483648}}",
        "a.for_each.concurrency", "is not at most 2147483647", "",
    ),
    "timeout without a unit": (
        "a: {call: s.o, timeout: ▶5}", "a.timeout", "a duration has a unit", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STEPS)
def test_mistake_in_a_step_is_told_at_its_place(case: str) -> None:
    steps, path, what, mend = STEPS[case]
    if case == "with nothing":  # an empty value stands right behind its colon
        steps = steps.replace("with:▶ ", "with:▶")
    check(f"endpoint: GET /a\nsteps:\n  {steps}\n", f"steps.{path}", what, mend)


WHOLE = {
    # the file without its steps: the path, what is said, part of the remedy
    "endpoint with a part of a segment": (
        "endpoint: ▶GET /a/{id}.json", "endpoint", "'{id}.json' is no segment",
        "a segment of its own",
    ),
    "endpoint with a last slash": ("endpoint: ▶GET /a/", "endpoint", "an empty segment", ""),
    "endpoint with an encoded character": (
        "endpoint: ▶GET /a%20b", "endpoint", "'a%20b' is no segment", "",
    ),
    "endpoint for HEAD": (
        "endpoint: ▶HEAD /a", "endpoint", "unknown method 'HEAD'", "Known: DELETE, GET",
    ),
    "param that is not declared": (
        "endpoint: ▶GET /a/{id}", "endpoint", "the path's 'id' is no declared param",
        "params: {id:",
    ),
    "param called view": (
        "endpoint: GET /a\nparams:\n  ▶view: {type: string}", "params.view",
        "'view' is reserved", "another name",
    ),
    "body of a GET": (
        "endpoint: GET /a\nparams:\n  ▶q: {in: body, type: string}", "params.q", "GET has none",
        "",
    ),
    "header with an underscore": (
        "endpoint: GET /a\nparams:\n  ▶x_a: {in: header, type: string}", "params.x_a",
        "'x_a' never comes", "x-a",
    ),
    "empty member of an enum": (
        "endpoint: GET /a\nparams:\n  q: {type: string, enum: [a, ▶'']}", "params.q.enum[1]",
        "empty is refused, so this value never comes", "Leave it out",
    ),
    "member with a blank in a header": (
        "endpoint: GET /a\nparams:\n  X: {in: header, type: string, enum: [▶' a']}",
        "params.X.enum[0]", "no blanks at its ends", "",
    ),
    "member with a line break in a header": (
        "endpoint: GET /a\nparams:\n  X: {in: header, type: string, enum: [▶\"a\\nb\"]}",
        "params.X.enum[0]", "no control characters", "",
    ),
    "member with a comma between commas": (
        "endpoint: GET /a\nparams:\n"
        "  q: {type: array, style: comma, items: {type: string, enum: [▶'a,b']}}",
        "params.q.items.enum[0]", "a comma ends an element", "",
    ),
    "slash": (
        "endpoint: GET /a\nparams:\n  q: {type: string, ▶slash: true}", "params.q.slash",
        "unknown key 'slash'", "",
    ),
    "deadline over the cap": (
        "endpoint: GET /a\ndeadline: ▶16s", "deadline", "a deadline is 15s at most", "",
    ),
    "cache of a write": (
        "endpoint: POST /a\n▶cache: {ttl: 1s}", "cache", "POST writes", "Leave `cache` out",
    ),
    "join without a source": (
        "endpoint: GET /a\njoins:\n  - ▶{into: a, as: b, match: {c: d}}", "joins[0]",
        "needs the key 'from'", "",
    ),
    "join on nothing": (
        "endpoint: GET /a\njoins:\n  - {into: a, as: b, from: c, match: ▶{}}", "joins[0].match",
        "is empty", "at least one",
    ),
    "joins that are no list": (
        "endpoint: GET /a\njoins: ▶{}", "joins", "a mapping is not a list", "",
    ),
    "response of nothing": (
        "endpoint: GET /a\nresponse:▶", "response", "every payload would be null", "leave it out",
    ),
    "response of a view of nothing": (
        "endpoint: GET /a\nviews: {m: {response: ▶null}}", "views.m.response",
        "every payload would be null", "Fill it",
    ),
    "view of nothing": ("endpoint: GET /a\nviews: {m: ▶[]}", "views.m", "a view of nothing", ""),
    "view that is a text": (
        "endpoint: GET /a\nviews: {m: ▶a.b}", "views.m", "this is no view", "{response: …}",
    ),
    "view with a number": (
        "endpoint: GET /a\nviews: {m: [a, ▶1]}", "views.m[1]", "a mask is a list of paths", "",
    ),
    "view with an unknown key": (
        "endpoint: GET /a\nviews: {m: {response: 1, ▶respons: 1}}", "views.m.respons",
        "unknown key 'respons'", "'response'",
    ),
    "view with a blank in its name": (
        "endpoint: GET /a\nviews: {▶a b: [a]}", "views.a b", "'a b' is no name", "",
    ),
    "access that is not known": (
        "endpoint: GET /a\naccess: ▶members", "access", "no access", "public",
    ),
    "summary that is a number": (
        "endpoint: GET /a\nsummary: ▶1", "summary", "1 is not a text", "quotes",
    ),
    "unknown key": (
        "endpoint: GET /a\n▶respose: 1", "respose", "unknown key 'respose'", "'response'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_mistake_in_a_composition_is_told_at_its_place(case: str) -> None:
    head, path, what, mend = WHOLE[case]
    check(f"{head}\nsteps:\n  {STEP}\n", path, what, mend)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# only this\n", "the file is empty"),
        ("- a\n", "a list is not a mapping of keys and values"),
        ("text\n", "'text' is not a mapping of keys and values"),
        ("endpoint: GET /a\n", "needs the key 'steps'"),
        ("endpoint: GET /a\nsteps: {}\n", "is empty"),
    ],
)
def test_file_that_is_no_composition_at_all_is_told(text: str, said: str) -> None:
    (problem,) = problems_of(text)
    assert said in problem.what


def test_forms_of_a_step_are_read() -> None:
    declared = read(
        """
endpoint: GET /a
steps:
  a: {call: s.o, after: b, on_failure: optional, statuses: {404: null, 409: fail}}
  b: {call: s.o, after: [a, c], on_failure: {fallback: {x: [1, null]}}}
  c: {call: s-1.o, for_each: {over: "${b}", as: n, max: 3}, timeout: 50ms, hidden: true}
"""
    ).steps
    assert declared["a"].after == ("b",)
    assert declared["a"].statuses == {"404": None, "409": "fail"}
    assert declared["b"].after == ("a", "c")
    assert declared["b"].on_failure == FallbackDecl(fallback={"x": [1, None]})
    assert declared["c"].for_each is not None
    assert declared["c"].for_each.concurrency == 8
    assert declared["c"].timeout == pytest.approx(0.05)


def test_views_are_masks_or_forms_of_their_own() -> None:
    declared = read(
        f"endpoint: GET /a\nsteps: {{{STEP}}}\nviews: {{m: [a.b, a.c], s: {{response: 1}}}}\n"
    )
    assert declared.views == {"m": ("a.b", "a.c"), "s": ShapeViewDecl(response=1)}


def test_declaration_can_be_dumped_for_a_digest() -> None:
    declared = read(
        "endpoint: GET /a\nsteps: {a: {call: s.o, on_failure: {fallback: 1}}}\n"
        "views: {m: [a], s: {response: {x: 1}}}\n"
    )
    dumped = json.loads(json.dumps(declared.model_dump(mode="json", by_alias=True)))
    assert dumped["steps"]["a"]["on_failure"] == {"fallback": 1}
    assert dumped["views"] == {"m": ["a"], "s": {"response": {"x": 1}}}
