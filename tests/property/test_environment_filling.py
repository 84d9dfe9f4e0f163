"""Filling values of the environment into texts: what is there stays as it is, whatever it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from bff.declarations.environment.filling import LOST, EnvironmentUse, FilledText, fill
from bff.environment import Environment
from bff.secret import Secret

EVERYWHERE = EnvironmentUse(secrets=((),))
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
FRAGMENTS = st.lists(
    st.sampled_from(
        ["${", "}", "env", "secret", ".", "A", "B", "||", " ", "'", '"', "`", "\\", "x", "${env.A}"]
    ),
    max_size=16,
).map("".join)


@given(value=TEXTS.filter(bool), before=TEXTS, after=TEXTS)
@example(value="${secret.B}", before="${", after="}")
@example(value="${env.A}", before="$", after="'")
def test_value_stands_as_it_is_between_what_is_beside_it(
    value: str, before: str, after: str
) -> None:
    """What is filled in is not read again: a variable can't name a secret."""
    environment = Environment({"A": value})
    for name, kind in (("env", FilledText), ("secret", Secret)):
        text = f"{before.replace('${', '{')}${{{name}.A}}{after.replace('${', '{')}"
        filled = fill([text], EVERYWHERE, environment)
        assert (filled.faults, filled.wanted, filled.lost) == ((), (), frozenset())
        (found,) = filled.data
        assert type(found) is kind
        shown = found.reveal() if isinstance(found, Secret) else found
        assert shown == text.replace(f"${{{name}.A}}", value)


@given(FRAGMENTS)
def test_any_text_is_filled_or_lost_with_a_reason_or_left_alone(text: str) -> None:
    environment = Environment({"A": "a"})
    for given_environment in (environment, None):
        filled = fill({"k": text}, EVERYWHERE, given_environment)
        found = filled.data["k"]
        assert (found is LOST) == (("k",) in filled.lost)
        assert (found is LOST) <= bool(filled.faults or filled.wanted)
        for each in (*filled.faults, *filled.wanted):
            assert 0 <= each.offset <= len(text)
        if type(found) is str:
            assert found == text
        repeated = fill({"k": text}, EVERYWHERE, given_environment)
        assert repeated == filled or found is LOST
