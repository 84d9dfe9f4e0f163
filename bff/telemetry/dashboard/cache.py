"""The panels of the cache and of degradation: degraded screens, hits, memory, the store, purges."""

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
        SCREENS_DEGRADED, "Which screen is degraded, and how often?",
        SCREEN, share_of_screens("degraded", SCREEN), "percentunit",
        warn=0.01, alarm=0.1, links=(TO_FAILING_STEPS,),
    ),
    graph(
        STEPS_DEGRADED, "Why is a payload degraded: by which step, for which reason?",
        DEGRADATIONS.labels, rate(DEGRADATIONS, DEGRADATIONS.labels), "ops",
        links=(TO_FAILING_STEPS,),
    ),
    rates("Elements left out", "Which steps leave out elements that break the schema?",
          DROPPED_ELEMENTS, DROPPED_ELEMENTS.labels),
    graph(
        "Screens from the cache", "Which share of a screen's requests does the cache answer?",
        SCREEN,
        share_of(rate(CACHE_REQUESTS, SCREEN, _SERVED),
                 rate(CACHE_REQUESTS, SCREEN, 'cache!="bypass"')),
        "percentunit",
    ),
    rates("States of the cache", "How many requests are hits, stale, misses, or share a run?",
          CACHE_REQUESTS, ("cache",)),
    graph(
        "Replies from the cache",
        "Which share of the calls that may be cached does the cache answer?",
        _OPERATION,
        share_of(rate(REPLY_REQUESTS, _OPERATION, _SERVED), rate(REPLY_REQUESTS, _OPERATION)),
        "percentunit",
    ),
    rates("Refreshes", "Are stale entries refreshed in the background, or does that fail?",
          REFRESHES, ("outcome",)),
    levels("Bytes in memory", "How much do the caches hold in memory?", MEMORY_BYTES),
    levels("Entries in memory", "How many entries do the caches hold in memory?", MEMORY_ENTRIES),
    rates("Evictions", "Is memory too small for the entries in use?", EVICTIONS),
    quantiles("Sizes of entries", "How large are the stored entries?", ENTRY_BYTES),
    rates("Not stored", "Why could results not be stored?", NOT_STORED, ("reason",)),
    rates("Shared runs", "How many requests wait for the run of another one in the same worker?",
          JOINED_FLIGHTS),
    quantiles("Waits for other workers", "How long do requests wait for another worker's run?",
              LEASE_WAITS),
    quantiles("Slow store", "Is the store that workers share slow?", STORE_OPERATIONS,
              ("operation",)),
    graph(
        STORE_FAILING, "Does the store that workers share fail?",
        STORE_OPERATIONS.labels,
        rate(STORE_OPERATIONS, STORE_OPERATIONS.labels, 'outcome!="ok"'), "ops",
    ),
    levels("Workers that hear of purges", "Do all workers receive the purges of others?",
           STORE_HEARS),
    rates("Purges", "How many purges are requested?", PURGES, ("scope",)),
    graph(
        OWED, "Are there purges that the store has not made yet?", (), level(PURGES_OWED, ()),
        alarm=1,
    ),
)  # fmt: skip
