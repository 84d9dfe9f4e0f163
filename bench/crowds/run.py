"""The crowds of a run, one kind after the other, each over a gateway and an upstream of its own."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

from bench.crowds.client import ask_at_once
from bench.crowds.figures import (
    Cold,
    ColdKind,
    ColdScreen,
    CrowdResults,
    Flood,
    FloodKind,
    count_how,
    count_wrong,
    latencies,
)
from bench.crowds.stage import STEPS, Stage, expected_screen, open_stage, screen_path, step_paths
from bench.machine import Cores
from bench.open_files import raise_open_files

CROWDS = "crowds"  # the key of all of them on the command line
COLD = ColdKind(clients=1_000, workers=2, upstream_seconds=0.2)
# The upstream of the larger crowd takes longer, so that all of its calls are under way at once.
FLOODS = (
    FloodKind(clients=3_000, steps=STEPS, upstream_seconds=1.0, most_megabytes=250),
    FloodKind(clients=9_000, steps=STEPS[:1], upstream_seconds=3.0, most_megabytes=400),
)
# Several addresses, so that neither their backlogs nor the ports towards them are the limit.
_FLOOD_HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
_WITHIN_SECONDS = 30.0
# Of the gateway: a client's connection and those of its calls, and some more.
_OPEN_FILES = max(kind.clients * (1 + len(kind.steps)) for kind in FLOODS) + 500
_SPARE_REQUESTS = 100


def run_crowds(cores: Cores, rounds: int, tell: Callable[[str], None]) -> CrowdResults:
    """So many crowds of each kind; `tell` hears of each kind that begins.

    Raises `TooFewFiles`, `StartFailed`, and `OSError` when a connection can't be opened.
    """
    raise_open_files(_OPEN_FILES)
    tell(f"{COLD.clients:,} clients, one screen that nobody has asked for")
    cold = _run_cold(cores, rounds, COLD)
    floods = []
    for kind in FLOODS:
        tell(f"{kind.clients:,} clients, a screen each, calls for it: {len(kind.steps)}")
        floods.append(_run_flood(cores, rounds, kind))
    return CrowdResults(cold, floods)


def _run_cold(cores: Cores, rounds: int, kind: ColdKind) -> Cold:
    """As many screens, one after the other, each asked for by a crowd with new connections."""
    screens: list[ColdScreen] = []
    wrong: Counter[str] = Counter()
    with open_stage(
        cores,
        delay_seconds=kind.upstream_seconds,
        hosts=("127.0.0.1",),
        workers=kind.workers,
        # Workers that share one core would seldom miss at the same moment.
        gateway_cores=cores.tested | cores.others,
        ttl="1h",
        requests_in_flight=kind.clients + _SPARE_REQUESTS,
    ) as stage:
        for key in range(1, rounds + 1):
            paths = [screen_path(key)] * kind.clients
            answers = asyncio.run(ask_at_once(stage.port, paths, _WITHIN_SECONDS))
            wrong += count_wrong(answers, expected_screen)
            found = stage.upstreams.calls()
            calls = {name: found[path] for name, path in step_paths(key).items()}
            screens.append(ColdScreen(latencies(answers), calls, count_how(answers)))
    return Cold(kind, screens, wrong)


def _run_flood(cores: Cores, rounds: int, kind: FloodKind) -> Flood:
    """A screen for each client, none of which is kept; the first round opens the connections to the
    upstream as well."""
    with open_stage(
        cores,
        delay_seconds=kind.upstream_seconds,
        hosts=_FLOOD_HOSTS,
        workers=1,
        gateway_cores=cores.tested,
        ttl="",
        requests_in_flight=kind.clients + _SPARE_REQUESTS,
        steps=kind.steps,
    ) as stage:
        added, wrong = [], Counter[str]()
        for number in range(rounds):
            keys = range(number * kind.clients, (number + 1) * kind.clients)
            paths = [screen_path(key) for key in keys]
            answers = asyncio.run(ask_at_once(stage.port, paths, _WITHIN_SECONDS))
            wrong += count_wrong(answers, partial(expected_screen, steps=kind.steps))
            added.append(latencies(answers, less_seconds=kind.upstream_seconds))
        wrong += _count_odd_calls(stage, rounds * kind.clients, kind)
        return Flood(kind, added, stage.memory(), stage.upstreams.most_at_once(), wrong)


def _count_odd_calls(stage: Stage, screens: int, kind: FloodKind) -> Counter[str]:
    """Steps that were not called just once: every screen made its own calls, or the flood was
    none."""
    calls = stage.upstreams.calls()
    counts = (
        calls[path] for key in range(screens) for path in step_paths(key, kind.steps).values()
    )
    return Counter(f"a step called {count} times" for count in counts if count != 1)
