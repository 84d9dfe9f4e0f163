"""From figures to verdicts: for each target what was measured, and whether it is met. Pure."""

from dataclasses import dataclass
from typing import Literal

from bench.figures import Ratio, Spread, ratios, within_rounds
from bench.rounds import Results, Round
from bench.rows import ROWS
from bench.targets import RESHAPING, TAILS, Surcharge, TailComparison

Outcome = Literal["met", "missed", "doubtful", "not measured", "reported"]

_ROWS = {row.key: row for row in ROWS}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table: `reported` where nothing was asked."""

    work: str
    target: str
    measured: str
    lowest_highest: str
    by_cpu: str
    outcome: Outcome


def judge_rows(results: Results) -> list[Verdict]:
    """The verdicts that the rows of this run allow."""
    rows = {row.key for row in results.rows}
    verdicts = [_judge_ratio(each) for each in ratios(results)]
    verdicts += [_judge_tail(each, results) for each in TAILS if {each.row, each.baseline} <= rows]
    if {RESHAPING.row, RESHAPING.base, RESHAPING.unit} <= rows:
        verdicts.append(_judge_surcharge(RESHAPING, results))
    return verdicts


def _judge_ratio(ratio: Ratio) -> Verdict:
    comparison, times, cpu_times = ratio.comparison, ratio.times, ratio.cpu_times
    asked = "" if comparison.at_least is None else f"≥ {comparison.at_least:g} "
    return Verdict(
        work=_ROWS[comparison.row].group,
        target=f"{asked}× {_ROWS[comparison.baseline].title}",
        measured="" if times is None else f"{times.median:.2f}",
        lowest_highest=_range(times),
        by_cpu="" if cpu_times is None else f"{cpu_times.median:.2f}",
        outcome=ratio.outcome,
    )


def _judge_tail(tail: TailComparison, results: Results) -> Verdict:
    def times(one: Round) -> float:
        return one[tail.row].half.p99_ms / one[tail.baseline].half.p99_ms

    found = within_rounds(results, (tail.row, tail.baseline), times)
    return Verdict(
        work=f"{_ROWS[tail.row].group}: p99 at half load",
        target=f"≤ {tail.at_most:g} × {_ROWS[tail.baseline].title}",
        measured="" if found is None else f"{found.median:.2f}",
        lowest_highest=_range(found),
        by_cpu="",
        outcome=_at_most(found, tail.at_most),
    )


def _judge_surcharge(asked: Surcharge, results: Results) -> Verdict:
    def share(one: Round) -> float:
        more = one[asked.row].full.cpu_us_per_request - one[asked.base].full.cpu_us_per_request
        return more / one[asked.unit].full.cpu_us_per_request / asked.before

    found = within_rounds(results, (asked.row, asked.base, asked.unit), share)
    return Verdict(
        work=f"{_ROWS[asked.row].group}: CPU that it adds",
        target=f"≤ {asked.at_most:g} × what it was",
        measured="" if found is None else f"{found.median:.2f}",
        lowest_highest=_range(found),
        by_cpu="",
        outcome=_at_most(found, asked.at_most),
    )


def _at_most(found: Spread | None, bound: float) -> Outcome:
    if found is None:
        return "not measured"
    return "met" if found.median <= bound else "missed"


def _range(found: Spread | None) -> str:
    return "" if found is None else f"{found.low:.2f}–{found.high:.2f}"
