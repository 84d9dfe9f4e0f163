"""What upstreams say of how long their replies may be used again, in all its spellings."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.engine.values.freshness import UNLIMITED, Freshness, least, read_freshness

NOT_KEPT = Freshness(0.0)


def told(*control: str, age: str | None = None) -> Freshness:
    headers = [(b"cache-control", value.encode()) for value in control]
    if age is not None:
        headers.append((b"age", age.encode()))
    return read_freshness([(b"content-type", b"application/json"), *headers])


@pytest.mark.parametrize("age", [None, "5"])
def test_without_cache_control_there_is_no_limit(age: str | None) -> None:
    assert told(age=age) is UNLIMITED


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("max-age=60", 60.0),
        ("MAX-AGE=60", 60.0),
        (" max-age = 60 ", 60.0),
        ('max-age="60"', 60.0),
        ("max-age=060", 60.0),
        ("max-age=0", 0.0),
        ("max-age=60,max-age=30", 30.0),
        ("max-age=30, max-age=60", 30.0),
        ("max-age=60, max-age=soon", 0.0),
        ("max-age=99999999999", 99999999999.0),
        ("public", math.inf),
        ("immutable, stale-while-revalidate=5, x=y", math.inf),
        ("", math.inf),
        (",, ,", math.inf),
        ('community="UCI, max-age=5"', math.inf),  # within quotes it is no directive
        ('private="x, no-store", max-age=7', 7.0),
    ],
)
def test_max_age_is_how_long(control: str, seconds: float) -> None:
    assert told(control).seconds == seconds


@pytest.mark.parametrize(
    "nonsense", ["", "x", "-1", "1.5", "+1", "1e3", "0x10", "１", "٣", "9" * 12, "1 2", "1;2"]
)
def test_number_that_is_none_is_never_taken_for_time(nonsense: str) -> None:
    assert told(f"max-age={nonsense}").seconds == 0.0
    assert told(f"max-age=60, s-maxage={nonsense}").seconds == 0.0


def test_s_maxage_is_for_caches_that_many_share_and_stands_over_max_age() -> None:
    assert told("max-age=60, s-maxage=5") == Freshness(5.0, may_be_stale=False)
    assert told("s-maxage=60", "max-age=5") == Freshness(60.0, may_be_stale=False)


@pytest.mark.parametrize(
    "control",
    ["no-store", "no-cache", "No-Store", "max-age=60, no-store", 'no-cache="set-cookie"',
     "no-store=1", "s-maxage=60, private, no-cache"],
)  # fmt: skip
def test_what_may_not_be_stored_or_not_without_asking_is_not_kept(control: str) -> None:
    assert told(control) == NOT_KEPT


@pytest.mark.parametrize("control", ["private", "private, max-age=60", 'private="x-name"'])
def test_private_is_one_callers(control: str) -> None:
    assert told(control).is_private


@pytest.mark.parametrize(
    ("control", "may_be"),
    [("max-age=60", True), ("must-revalidate", False), ("proxy-revalidate", False)],
)
def test_what_must_be_revalidated_may_not_be_stale(control: str, may_be: bool) -> None:
    assert told(control).may_be_stale is may_be


@pytest.mark.parametrize(
    ("age", "seconds"),
    [("0", 60.0), ("20", 40.0), ("60", 0.0), ("61", 0.0), ("x", 60.0), ("-5", 60.0), ("", 60.0)],
)
def test_age_is_taken_off(age: str, seconds: float) -> None:
    assert told("max-age=60", age=age).seconds == seconds


def test_header_that_comes_twice_is_one_list() -> None:
    assert told("max-age=60", "private").is_private
    assert told("max-age=60", "max-age=10").seconds == 10.0
    assert told("max-age=60", "no-store") == NOT_KEPT


PARTS = st.builds(
    Freshness, st.integers(0, 9).map(float) | st.just(math.inf), st.booleans(), st.booleans()
)


@given(st.lists(PARTS | st.just(UNLIMITED)))
def test_whole_is_as_fresh_as_its_least_fresh_part(parts: Sequence[Freshness]) -> None:
    whole = least(parts)
    assert whole.seconds == min((part.seconds for part in parts), default=math.inf)
    assert whole.is_private == any(part.is_private for part in parts)
    assert whole.may_be_stale == all(part.may_be_stale for part in parts)


@given(st.text(max_size=30), st.text(max_size=5))
def test_any_text_is_read_without_an_error(control: str, age: str) -> None:
    freshness = told(control, age=age)
    assert freshness.seconds >= 0
