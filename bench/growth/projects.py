"""What a project costs by the number of its compositions: its start, its memory, its look-ups.

Look-ups are judged by their CPU time: what neighbours take of the core is in the rates. They are of
screens that memory has, always a thousand of them, so that nothing but the number of compositions
grows: in one composition there is a screen for each of a thousand keys, of five thousand
compositions every fifth has one.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.exchange import Expectation
from bench.growth.curves import Curve, Shape, curve
from bench.growth.loads import Loads, check_each
from bench.growth.place import Place
from bench.lists.documents import make_list
from bench.lists.project import composition
from bench.memory import find_worker, resident_bytes

COMPOSITIONS = (1, 10, 100, 1_000, 5_000)
_SCREENS = 1_000
_STEPS = ("user", "orders", "products")
_ITEMS = 4
_ROUND = Path(__file__).parent / "round.lua"


def measure_projects(place: Place, loads: Loads, counts: Sequence[int]) -> list[Curve]:
    """The curves over these numbers of compositions. Raises `NotMeasured` and `StartFailed`.

    Every gateway stays up, and each round loads all of them, so that they share the machine's
    moods.
    """
    figures: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        gateways = {}
        for count in counts:
            loads.tell(f"{count:,} compositions: bff check")
            project = place.write(f"project-{count}", _compositions(count))
            figures["check"][count].append(place.check(project))
            loads.tell(f"{count:,} compositions: bff serve")
            gateway = gateways[count] = stack.enter_context(place.serve(project))
            figures["start"][count].append(gateway.start_seconds)
            loads.tell(f"{count:,} compositions: {_SCREENS:,} screens for the first time")
            check_each(gateway, _expected(count, "fwd=miss"))
        for number in range(loads.rounds + 1):
            loads.tell(f"look-ups, round {number} of {loads.rounds}" if number else "warm-up")
            for count, gateway in gateways.items():
                path = _path(_SCREENS - 1, count)
                again = loads.once(gateway, path)
                new = loads.once(gateway, path, [str(_ROUND), str(_SCREENS), str(count)])
                if number:
                    figures["again-cpu"][count].append(again.cpu_us_per_request)
                    figures["again-rate"][count].append(again.requests_per_second)
                    figures["new-cpu"][count].append(new.cpu_us_per_request)
                    figures["new-rate"][count].append(new.requests_per_second)
        for count, gateway in gateways.items():
            bytes_of_worker = resident_bytes(find_worker(gateway.process))
            figures["memory"][count].append(bytes_of_worker / 2**20)
            check_each(gateway, _expected(count, "hit"))

    def over(key: str, title: str, unit: str, asked: Shape) -> Curve:
        return curve(key, title, "compositions", unit, asked, list(figures[key].items()))

    return [
        over("check", "bff check", "s", "no worse than linear"),
        over("start", "bff serve, until it answers", "s", "no worse than linear"),
        over("memory", "memory of a worker", "MiB", "no worse than linear"),
        over("again-cpu", "CPU of a look-up, same words", "µs", "flat"),
        over("again-rate", "look-ups, same words", "1/s", "told"),
        over("new-cpu", "CPU of a look-up, new words", "µs", "flat"),
        over("new-rate", "look-ups, new words", "1/s", "told"),
    ]


def _compositions(count: int) -> dict[str, str]:
    steps = {name: (_ITEMS, f"{name}-${{params.key}}") for name in _STEPS}
    return {
        f"s{number}": composition(f"/screens/s{number}/{{key}}", steps, ttl="1h")
        for number in range(count)
    }


def _expected(count: int, told: str) -> list[tuple[str, Expectation]]:
    """Every screen, and what `Cache-Status` must tell of it."""
    return [
        (
            _path(number, count),
            Expectation(
                {name: make_list(_ITEMS, f"{name}-{number}") for name in _STEPS},
                "cache-status",
                told,
            ),
        )
        for number in range(_SCREENS)
    ]


def _path(number: int, count: int) -> str:
    """The address of one of the screens, as in round.lua."""
    return f"/screens/s{number * count // _SCREENS}/{number}"
