"""How many series a project has, and the rule that says so beforehand.

A metric has a series for each of its label sets; a histogram has one for each bucket, for what is
above them, for the sum and for the count. Some labels come from the project: each composition with
each of its views, each with each of its steps, each service with each of its instances. The others
come from short lists: statuses, outcomes, reasons. So a metric has at most the project's sets
times those of the lists that ever occur.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from bff.plan.model.composition import CompiledProject
from bff.plan.model.sessions import OWN_METHODS
from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.definitions.table import DEFINITIONS
from bff.telemetry.metrics.families import Domains
from bff.web.telemetry.domains import label_domains

LabelSets = frozenset[tuple[str, ...]]


class Cardinality(NamedTuple):
    """How many label sets of a metric were counted, and how many there may be: those of the
    project's labels, times those of the others that occurred."""

    definition: Definition
    counted: int
    of_project: int
    of_lists: int

    @property
    def series_each(self) -> int:
        """The series of one label set."""
        bounds = self.definition.bounds
        return len(bounds) + 3 if bounds else 1

    @property
    def series(self) -> int:
        """How many there are."""
        return self.counted * self.series_each

    @property
    def most(self) -> int:
        """How many there may be."""
        return self.of_project * self.of_lists * self.series_each


def count_series(exposition: str, project: CompiledProject) -> list[Cardinality]:
    """Each metric of an answer of `/metrics`, in the order of the definitions."""
    domains = label_domains(project, _paths(project))
    found = label_sets(exposition)
    return [_count(each, found[each.name], domains) for each in DEFINITIONS if each.name in found]


def label_sets(exposition: str) -> Mapping[str, LabelSets]:
    """The label sets of each metric in an answer of `/metrics`, in the order of its labels."""
    by_name = {each.name: each for each in DEFINITIONS}
    return {
        family.name: frozenset(
            tuple(sample.labels[label] for label in by_name[family.name].labels)
            for sample in family.samples
        )
        for family in text_string_to_metric_families(exposition)
    }


def _count(definition: Definition, found: LabelSets, domains: Domains) -> Cardinality:
    parts = list(_parts_of_project(definition, domains))
    named = {label for part in parts for label in part}
    rest = [place for place, label in enumerate(definition.labels) if label not in named]
    return Cardinality(
        definition,
        counted=len(found),
        # What is nobody's has no value: a request to a path where nothing is.
        of_project=prod(len(domains[part]) + (part == ("http_route",)) for part in parts),
        of_lists=len({tuple(labels[place] for place in rest) for labels in found}),
    )


def _parts_of_project(definition: Definition, domains: Domains) -> Iterable[tuple[str, ...]]:
    """The labels whose values are the project's, those together that belong together."""
    left = set(definition.labels)
    for part in sorted(domains, key=len, reverse=True):
        if left.issuperset(part):
            left.difference_update(part)
            yield part


def _paths(project: CompiledProject) -> list[str]:
    """A name for each path at which something is."""
    names = [composition.name for composition in project.compositions]
    return [*names, *(route.prefix for route in project.routes), *OWN_METHODS]
