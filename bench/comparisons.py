"""The targets of the rows: of each, its requests per second over another's. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times faster `row` is to be than `baseline`; without `at_least`, it is only told."""

    row: str
    baseline: str
    at_least: float | None = None


COMPARISONS = (
    Comparison("home", "home-tailcall", at_least=1.1),
    Comparison("home", "home-krakend", at_least=1.0),
    Comparison("home", "home-fastify-zod", at_least=0.9),
    Comparison("home", "home-fastify", at_least=0.8),
    Comparison("home", "home-by-hand", at_least=9),
    Comparison("large", "large-tailcall", at_least=1.2),
    Comparison("large", "large-krakend", at_least=1.2),
    Comparison("large", "large-fastify-zod", at_least=1.2),
    Comparison("large", "large-fastify", at_least=1.2),
    Comparison("large", "large-express", at_least=1.2),
    Comparison("large", "large-by-hand", at_least=1.2),
    Comparison("cached", "cached-nginx", at_least=0.4),
    Comparison("cached", "home-by-hand", at_least=80),
    Comparison("gzip", "gzip-nginx", at_least=0.4),
    Comparison("gzip", "home-by-hand", at_least=80),
    Comparison("unchanged", "unchanged-nginx", at_least=0.4),
    Comparison("raw", "raw-fastify", at_least=1.2),
    Comparison("raw", "raw-by-hand", at_least=10),
    Comparison("home", "home-express"),
    Comparison("home", "home-by-hand-few"),
    Comparison("home", "home-bare"),
    Comparison("large", "large-bare"),
    Comparison("cached", "cached-bare"),
    Comparison("reshaped", "reshaped-by-hand"),
    Comparison("raw", "raw-by-hand-few"),
    Comparison("raw", "raw-bare"),
    Comparison("raw", "raw-nginx"),
)
