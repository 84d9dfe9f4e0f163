"""What answers tell of the cache, and waiting for what a cache does by itself."""

import threading
from collections.abc import Callable

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Answer
from tests.support.structured_fields import read_list

_PAUSE_SECONDS = 0.01
_never = threading.Event()


def cache_facts(answer: Answer) -> dict[str, object]:
    """The params of `Cache-Status`, of which bff is the only member."""
    ((cache, facts),) = read_list(answer.header("cache-status") or "")
    assert cache == "bff"
    return dict(facts)


def ttl_of(answer: Answer) -> int:
    """For how long the answer is still fresh, as it tells."""
    ttl = cache_facts(answer)["ttl"]
    assert isinstance(ttl, int)
    return ttl


def is_hit(answer: Answer) -> bool:
    """Whether it came out of the cache, and nothing was asked for it."""
    facts = cache_facts(answer)
    return facts.get("hit") is True and "fwd" not in facts


def directives(answer: Answer) -> dict[str, int | None]:
    """`Cache-Control`, by name."""
    parts = (
        part.strip().partition("=") for part in (answer.header("cache-control") or "").split(",")
    )
    return {name: int(value) if value else None for name, _, value in parts}


def until(ask: Callable[[], Answer], has_come: Callable[[Answer], bool]) -> list[Answer]:
    """Ask again and again; all the answers, of which the last is the first that has come."""
    answers: list[Answer] = []
    for _ in range(int(WAIT_BUDGET_SECONDS / _PAUSE_SECONDS)):
        answers.append(ask())
        if has_come(answers[-1]):
            return answers
        _never.wait(_PAUSE_SECONDS)
    raise AssertionError(f"it did not come; at last {answers[-1]}")
