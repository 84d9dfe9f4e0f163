"""What a request costs by the number of its steps, and by the size of its reply."""

from collections.abc import Sequence

from bench.exchange import Expectation
from bench.growth.curves import Curve, curve
from bench.growth.loads import CONNECTIONS, Loads, Sample, check_each
from bench.growth.place import Place
from bench.lists.documents import ITEM_BYTES, make_list
from bench.lists.project import Steps, composition

STEPS = (1, 2, 4, 8, 16, 32)
KIBIBYTES = (1, 4, 16, 64, 256, 1024)
_ITEMS_A_STEP = 8
_ITEMS_A_KIBIBYTE = 1024 // ITEM_BYTES


def measure_requests(place: Place, loads: Loads) -> list[Curve]:
    """The curves over steps and over sizes, all in one project. Raises `NotMeasured` and
    `StartFailed`."""
    screens: dict[str, Steps] = {}
    for count in STEPS:
        screens[f"steps-{count}"] = {
            f"s{number}": (_ITEMS_A_STEP, f"list-{number}") for number in range(count)
        }
    for size in KIBIBYTES:
        screens[f"size-{size}"] = {"list": (size * _ITEMS_A_KIBIBYTE, "list")}
    project = place.write(
        "requests",
        {key: composition(f"/screens/{key}", steps) for key, steps in screens.items()},
    )
    expected = [(f"/screens/{key}", _expectation(steps)) for key, steps in screens.items()]
    samples: dict[str, list[Sample]] = {key: [] for key in screens}
    with place.serve(project) as gateway:
        check_each(gateway, expected)
        for number in range(loads.rounds + 1):
            what = f"round {number} of {loads.rounds}" if number else "warm-up"
            for key, found in samples.items():
                loads.tell(f"{what}: {key}")
                sample = loads.once(gateway, f"/screens/{key}")
                if number:
                    found.append(sample)
        check_each(gateway, expected)
    return _curves(samples)


def _curves(samples: dict[str, list[Sample]]) -> list[Curve]:
    def cpu(key: str) -> Sequence[float]:
        return [each.cpu_us_per_request for each in samples[key]]

    def p50(key: str) -> Sequence[float]:
        return [each.p50_ms for each in samples[key]]

    return [
        curve(
            "steps-cpu", "CPU of a request", "steps", "µs", "no worse than linear",
            [(count, cpu(f"steps-{count}")) for count in STEPS],
        ),
        curve(
            "steps-p50", f"p50 on {CONNECTIONS} connections", "steps", "ms",
            "no worse than linear",
            [(count, p50(f"steps-{count}")) for count in STEPS],
        ),
        curve(
            "size-cpu", "CPU of a request", "KiB of reply", "µs", "no worse than linear",
            [(size, cpu(f"size-{size}")) for size in KIBIBYTES],
        ),
        curve(
            "size-cpu-per-kib", "CPU of a KiB of reply", "KiB of reply", "µs", "told",
            [(size, [each / size for each in cpu(f"size-{size}")]) for size in KIBIBYTES],
        ),
    ]  # fmt: skip


def _expectation(steps: Steps) -> Expectation:
    value = {step: make_list(count, name) for step, (count, name) in steps.items()}
    return Expectation(value, "cache-status", "fwd=bypass")
