"""Compiles `slo`, the service level objective of a composition."""

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.gateway import GatewayDefaults
from bff.plan.model.composition import Slo
from bff.plan.reporter import Reporter


def compile_slo(reporter: Reporter[CompositionFile], defaults: GatewayDefaults) -> Slo | None:
    """The composition's SLO. A latency beyond the deadline, which no request can miss, is a
    problem."""
    declared = reporter.document.model
    slo = declared.slo
    if slo is None:
        return None
    deadline = declared.deadline or defaults.deadline
    is_known = declared.knows("deadline") and slo.knows("latency")
    if is_known and slo.latency is not None and slo.latency > deadline:
        reporter.report(
            ("slo", "latency"),
            f"no answer takes longer than the deadline of {deadline:g} s",
            "Lower the latency, or leave it out.",
        )
    return Slo(slo.availability, slo.latency)
