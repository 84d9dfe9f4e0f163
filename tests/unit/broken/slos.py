"""SLOs: what users of a composition may rely on."""

from tests.unit.broken import Broken, broken_composition

_STEPS = "steps: {user: {call: shop.get_user, with: {id: 1}}}"


def broken_slo(slo: str, message: str, keys: str = "") -> Broken:
    return broken_composition(f"endpoint: GET /screen\nslo: {slo}\n{keys}{_STEPS}", message)


ROWS = {
    "SLO that is a number": broken_slo("▶99.9", "slo: 99.9 is not a mapping of keys and values."),
    "SLO of a latency alone": broken_slo("▶{latency: 300ms}", "slo: needs the key 'availability'."),
    "unknown key of an SLO": broken_slo(
        "{availability: 99.9, ▶latancy: 300ms}",
        "slo.latancy: unknown key 'latancy'. Known: availability, latency. Did you mean 'latency'?",
    ),
    "availability with a sign": broken_slo(
        "{availability: ▶99.9%}",
        "slo.availability: this is no percentage. Write a number without a sign: 99.9.",
    ),
    "availability as a share": broken_slo(
        "{availability: ▶0.999}",
        "slo.availability: 0.999 is a share, not a percentage. Write percent: 99.9 for 0.999.",
    ),
    "availability of everything": broken_slo(
        "{availability: ▶100}", "slo.availability: 100 is not between 50 and 99.999 percent."
    ),
    "availability just above the most": broken_slo(
        "{availability: ▶99.99999}",
        "slo.availability: 99.99999 is not between 50 and 99.999 percent.",
    ),
    "availability of less than half": broken_slo(
        "{availability: ▶20}", "slo.availability: 20 is not between 50 and 99.999 percent."
    ),
    "latency that is a number": broken_slo(
        "{availability: 99.9, latency: ▶300}",
        "slo.latency: a duration has a unit. Write 800ms, 1s, 5m or 1h.",
    ),
    "latency of nothing": broken_slo(
        "{availability: 99.9, latency: ▶0s}", "slo.latency: a duration is more than nothing."
    ),
    "latency beyond the deadline": broken_slo(
        "{availability: 99.9, latency: ▶2s}",
        "slo.latency: no answer takes longer than the deadline of 0.8 s."
        " Lower the latency, or leave it out.",
        "deadline: 800ms\n",
    ),
    "latency beyond the gateway's deadline": broken_slo(
        "{availability: 99.9, latency: ▶6s}",
        "slo.latency: no answer takes longer than the deadline of 5 s."
        " Lower the latency, or leave it out.",
    ),
}
