"""Which steps a step waits for: those whose values it reads, and those that it names in `after`."""

from collections.abc import Mapping

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.forms import ROOT_NAMES
from bff.declarations.suggestions import known_names
from bff.plan.model.steps import Step
from bff.plan.reporter import Path, Reporter


def waits_of_reader(
    reporter: Reporter[CompositionFile], steps: Mapping[str, Step]
) -> dict[str, list[str]]:
    """For each step of a composition that reads, the steps that it waits for, in declared order."""
    return {name: _needed(reporter, step, steps) for name, step in steps.items()}


def waits_of_writer(
    reporter: Reporter[CompositionFile], steps: Mapping[str, Step]
) -> dict[str, list[str]]:
    """The same of a composition that writes: all the steps before. To need a later one is a
    problem."""
    before: dict[str, list[str]] = {}
    for name, step in steps.items():
        needed = _needed(reporter, step, steps)
        for other in needed:
            if other not in before and other != name:
                reporter.report_key(
                    ("steps", name), f"'{name}' needs '{other}', which runs after it",
                    "Steps of a composition that writes run in declared order: move it up.",
                )  # fmt: skip
        before[name] = [*before, *(other for other in needed if other == name)]
    return before


def _needed(
    reporter: Reporter[CompositionFile], step: Step, steps: Mapping[str, Step]
) -> list[str]:
    # a step that is wrongly called `params` hides none
    found = set(step.reads_steps(steps.keys() - ROOT_NAMES))
    for index, other in enumerate(reporter.document.model.steps[step.name].after):
        if other in steps:
            found.add(other)
        elif reporter.knows(("steps",)):
            at: Path = ("steps", step.name, "after", index)
            reporter.report(at, f"unknown step '{other}'", known_names(other, steps))
    return [other for other in steps if other in found]
