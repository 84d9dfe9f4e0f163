"""From crowds to verdicts. Pure."""

from bench.crowds.figures import CALLS_A_STEP, Cold, CrowdResults, Flood
from bench.verdicts import Verdict


def judge_crowds(results: CrowdResults) -> list[Verdict]:
    """One for each kind of crowd."""
    return [_judge_cold(results.cold), *(_judge_flood(flood) for flood in results.floods)]


def _judge_cold(cold: Cold) -> Verdict:
    counts = [count for screen in cold.screens for count in screen.calls.values()]
    return Verdict(
        work=f"{cold.kind.clients:,} clients on a cold key, {cold.kind.workers} workers",
        target=f"{CALLS_A_STEP} call a step, no error",
        measured=f"{max(counts)} at most, {_errors(cold.wrong.total())}",
        lowest_highest=f"{min(counts)}–{max(counts)}",
        by_cpu="",
        outcome="met" if cold.is_met else "missed",
    )


def _judge_flood(flood: Flood) -> Verdict:
    kind = flood.kind
    calls = "one call" if len(kind.steps) == 1 else f"{len(kind.steps)} calls"
    return Verdict(
        work=f"{kind.clients:,} in flight of {calls} each, {kind.upstream_seconds:g} s upstreams",
        target=f"≤ {kind.most_megabytes} MB, no error",
        measured=f"{flood.memory.megabytes:.0f} MB, {_errors(flood.wrong.total())}",
        lowest_highest="",
        by_cpu="",
        outcome="met" if flood.is_met else "missed",
    )


def _errors(count: int) -> str:
    return f"{count:,} errors" if count else "no error"
