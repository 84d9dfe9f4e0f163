"""The order of a composition's steps: who waits for whom, cycles, and the critical path.

Works on names alone; knows nothing of types, files or time.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def order_steps(
    waits_for: Mapping[str, Sequence[str]],
) -> tuple[list[str], list[list[str]]]:
    """Every step after those that it waits for, in declared order where the order is free.

    Returns the order and the cycles: `["a", "b", "a"]`, each waiting for the next. Of a cycle, the
    order is the one without the first of these waits.
    """
    left = {name: list(others) for name, others in waits_for.items()}
    cycles: list[list[str]] = []
    while True:
        sorter = TopologicalSorter(left)
        try:
            sorter.prepare()
            break
        except CycleError as error:
            backwards: list[str] = error.args[1]  # each is waited for by the next
            cycles.append(backwards[::-1])
            left[backwards[-1]].remove(backwards[-2])
    position = {name: index for index, name in enumerate(waits_for)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order.extend(ready)
        sorter.done(*ready)
    return order, cycles


def critical_path(
    order: Sequence[int], waits_for: Sequence[Sequence[int]], seconds: Sequence[float]
) -> tuple[tuple[int, ...], float]:
    """The chain of steps that takes longest when each takes its `seconds`, and the sum.

    `order` names every step after those that it waits for.
    """
    best: dict[int, tuple[tuple[int, ...], float]] = {}
    for step in order:
        chains = (best[other] for other in waits_for[step])
        before = max(chains, key=_length, default=((), 0.0))
        best[step] = ((*before[0], step), before[1] + seconds[step])
    return max(best.values(), key=_length, default=((), 0.0))


def _length(chain: tuple[tuple[int, ...], float]) -> float:
    return chain[1]
