"""What is asked of the rows, and which ratios are only reported. Pure; `bench.verdicts` judges."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times as many requests a second `row` must do as `baseline`. Without `at_least` the
    ratio is only reported."""

    row: str
    baseline: str
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class TailComparison:
    """The p99 of `row` at half of its own capacity over that of `baseline` at half of its own."""

    row: str
    baseline: str
    at_most: float


@dataclass(frozen=True, slots=True)
class Surcharge:
    """What `row` costs above `base`, in requests of `unit` by CPU: at most this share of what it
    was `before`. The unit makes figures of different machines comparable."""

    row: str
    base: str
    unit: str
    before: float
    at_most: float


COMPARISONS = (
    Comparison("home", "home-fastify", at_least=1.8),
    Comparison("home", "home-tailcall", at_least=2.0),
    Comparison("home", "home-krakend", at_least=3.5),
    Comparison("home", "home-by-hand", at_least=15),
    Comparison("large", "large-fastify", at_least=1.7),
    Comparison("large", "large-fastify-zod", at_least=2.3),
    Comparison("large", "large-express", at_least=2.3),
    Comparison("large", "large-tailcall", at_least=2.3),
    Comparison("large", "large-krakend", at_least=2.3),
    Comparison("large", "large-by-hand", at_least=2.3),
    Comparison("reshaped", "reshaped-by-hand", at_least=6),
    Comparison("cached", "cached-nginx", at_least=0.75),
    Comparison("cached-watched", "cached", at_least=0.8),
    Comparison("cached-watched", "cached-nginx", at_least=0.65),
    Comparison("gzip-watched", "gzip-nginx", at_least=0.65),
    Comparison("unchanged-watched", "unchanged-nginx", at_least=0.55),
    Comparison("members", "cached", at_least=0.6),
    Comparison("refused", "cached", at_least=0.8),
    Comparison("gzip", "gzip-nginx", at_least=0.75),
    Comparison("unchanged", "unchanged-nginx", at_least=0.65),
    Comparison("raw", "raw-fastify", at_least=2.2),
    Comparison("raw", "raw-nginx", at_least=0.5),
    Comparison("home", "home-fastify-zod"),
    Comparison("home", "home-express"),
    Comparison("home", "home-by-hand-few"),
)
TAILS = (
    TailComparison("home", "home-fastify", at_most=1.0),
    TailComparison("large", "large-fastify", at_most=1.0),
    TailComparison("raw", "raw-fastify", at_most=1.0),
)
# Measured with this benchmark on the release before the data plane became the gateway's own.
RESHAPING = Surcharge("reshaped", "home", unit="home-fastify", before=0.9, at_most=0.75)
