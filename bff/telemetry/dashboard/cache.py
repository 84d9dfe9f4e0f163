"""The cache, and what is degraded: what is served from where, what is owed, and why it is less."""

from typing import Final

from bff.telemetry.dashboard.panel import graph, level, levels, quantiles, rate, rates
from bff.telemetry.dashboard.screens import (
    SCREEN,
    SCREENS_DEGRADED,
    TO_FAILING_STEPS,
    share_of_screens,
)
from bff.telemetry.metrics.definitions.cache import (
    CACHE_REQUESTS,
    DEGRADATIONS,
    DROPPED_ELEMENTS,
    ENTRY_BYTES,
    EVICTIONS,
    JOINED_FLIGHTS,
    LEASE_WAITS,
    MEMORY_BYTES,
    MEMORY_ENTRIES,
    NOT_STORED,
    PURGES,
    PURGES_OWED,
    REFRESHES,
    REPLY_REQUESTS,
    STORE_HEARS,
    STORE_OPERATIONS,
)
from bff.telemetry.metrics.promql import share_of

STEPS_DEGRADED: Final = "Why screens are degraded"
STORE_FAILING: Final = "Store that fails"
OWED: Final = "Purges owed"

_OPERATION: Final = ("operation",)  # its name has the service's
_SERVED: Final = 'cache=~"hit|stale|stale_if_error"'

CACHE_PANELS: Final = (
    graph(
        SCREENS_DEGRADED, "Which screen goes out degraded, and how often?",
        SCREEN, share_of_screens("degraded", SCREEN), "percentunit",
        warn=0.01, alarm=0.1, links=(TO_FAILING_STEPS,),
    ),
    graph(
        STEPS_DEGRADED, "Why is a payload degraded: by which step, for which reason?",
        DEGRADATIONS.labels, rate(DEGRADATIONS, DEGRADATIONS.labels), "ops",
        links=(TO_FAILING_STEPS,),
    ),
    rates("Elements left out", "Which steps leave out elements that break their schema?",
          DROPPED_ELEMENTS, DROPPED_ELEMENTS.labels),
    graph(
        "Screens from the cache", "Which share of a screen's requests does the cache answer?",
        SCREEN,
        share_of(rate(CACHE_REQUESTS, SCREEN, _SERVED),
                 rate(CACHE_REQUESTS, SCREEN, 'cache!="bypass"')),
        "percentunit",
    ),
    rates("What the cache had", "Are screens fresh, stale, missing, or waited for together?",
          CACHE_REQUESTS, ("cache",)),
    graph(
        "Replies from the cache", "Which share of the calls that may be cached does it answer?",
        _OPERATION,
        share_of(rate(REPLY_REQUESTS, _OPERATION, _SERVED), rate(REPLY_REQUESTS, _OPERATION)),
        "percentunit",
    ),
    rates("Refreshes", "Are stale entries made anew in the background, or does that fail?",
          REFRESHES, ("outcome",)),
    levels("Bytes in memory", "How much do the caches hold in memory?", MEMORY_BYTES),
    levels("Entries in memory", "How many entries do the caches hold in memory?", MEMORY_ENTRIES),
    rates("Evictions", "Is memory too small for the entries in use?", EVICTIONS),
    quantiles("Sizes of entries", "How large is what is stored?", ENTRY_BYTES),
    rates("Not stored", "What could not be stored, and why?", NOT_STORED, ("reason",)),
    rates("Joined runs", "How many requests wait for the run of another, in one worker?",
          JOINED_FLIGHTS),
    quantiles("Waits for other workers", "How long do requests wait for another worker's run?",
              LEASE_WAITS),
    quantiles("Slow store", "Is the store slow that workers share?", STORE_OPERATIONS,
              ("operation",)),
    graph(
        STORE_FAILING, "Does the store fail that workers share, or is it left alone?",
        STORE_OPERATIONS.labels,
        rate(STORE_OPERATIONS, STORE_OPERATIONS.labels, 'outcome!="ok"'), "ops",
    ),
    levels("Workers that hear of purges", "Do all workers hear what others purge?", STORE_HEARS),
    rates("Purges", "How much is purged?", PURGES, ("scope",)),
    graph(
        OWED, "Are there purges that the store has not made yet?", (), level(PURGES_OWED, ()),
        alarm=1,
    ),
)  # fmt: skip
