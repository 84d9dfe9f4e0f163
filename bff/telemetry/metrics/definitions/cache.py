"""The metrics of caches, of their purges, and of degraded payloads."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import SHORT_SECONDS, Definition

_ENTRY_BYTES: Final = (1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216)

CACHE_REQUESTS: Final = Definition(
    "bff_cache_requests",
    "counter",
    "Requests of compositions by what the cache had: hit, stale, miss, collapsed, stale_if_error,"
    " bypass.",
    "cache and degradation",
    ("composition", "cache"),
)
DEGRADATIONS: Final = Definition(
    "bff_degradations",
    "counter",
    "Steps that degraded a payload, or failed it, by the reason: once for each run. The step is"
    " empty where the whole payload failed.",
    "cache and degradation",
    ("composition", "step", "reason"),
)
DROPPED_ELEMENTS: Final = Definition(
    "bff_dropped_elements",
    "counter",
    "Elements of services' lists that were left out, since they break the schema.",
    "cache and degradation",
    ("composition", "step"),
)
MEMORY_BYTES: Final = Definition(
    "bff_cache_memory_bytes",
    "gauge",
    "Bytes that the workers' caches hold in memory.",
    "cache and degradation",
    unit="bytes",
)
MEMORY_ENTRIES: Final = Definition(
    "bff_cache_memory_entries",
    "gauge",
    "Entries that the workers' caches hold in memory.",
    "cache and degradation",
)
EVICTIONS: Final = Definition(
    "bff_cache_evictions",
    "counter",
    "Entries that left memory to make room for others.",
    "cache and degradation",
)
ENTRY_BYTES: Final = Definition(
    "bff_cache_entry_bytes",
    "histogram",
    "Sizes of the entries that were stored, with what they take beside their bytes.",
    "cache and degradation",
    unit="bytes",
    bounds=_ENTRY_BYTES,
)
NOT_STORED: Final = Definition(
    "bff_cache_not_stored",
    "counter",
    "Results that could not be stored: their tags were too many or not to be had (untagged), a"
    " purge came meanwhile (purged), memory takes none of this size, or none with tags while purges"
    " go unheard (memory), the store that workers share takes none now (store).",
    "cache and degradation",
    ("reason",),
)
REPLY_REQUESTS: Final = Definition(
    "bff_cache_reply_requests",
    "counter",
    "Calls of operations whose replies are shared, by what the cache had: hit, stale, miss,"
    " collapsed, stale_if_error.",
    "cache and degradation",
    ("service", "operation", "cache"),
)
REFRESHES: Final = Definition(
    "bff_cache_refreshes",
    "counter",
    "Stale entries that were made anew in the background: ok, failed.",
    "cache and degradation",
    ("outcome",),
)
JOINED_FLIGHTS: Final = Definition(
    "bff_cache_joined_flights",
    "counter",
    "Requests, and calls whose replies are shared, that waited for another one's in their worker.",
    "cache and degradation",
)
LEASE_WAITS: Final = Definition(
    "bff_cache_lease_wait_seconds",
    "histogram",
    "How long requests waited for the run of another worker.",
    "cache and degradation",
    unit="seconds",
    bounds=SHORT_SECONDS,
)
STORE_OPERATIONS: Final = Definition(
    "bff_store_operation_duration_seconds",
    "histogram",
    "How long the store that workers share took, by operation (find, look, write, purge) and"
    " outcome: ok, failed, or refused at once, where it is left alone after failures or has no"
    " room.",
    "cache and degradation",
    ("operation", "outcome"),
    "seconds",
    SHORT_SECONDS,
)
STORE_HEARS: Final = Definition(
    "bff_store_hears_purges",
    "gauge",
    "Workers that hear of purges. A worker that does not hear of them stores nothing in memory"
    " that has tags.",
    "cache and degradation",
)
PURGES: Final = Definition(
    "bff_purges",
    "counter",
    "Purges that this process was asked for: of some tags, or of everything that has any.",
    "cache and degradation",
    ("scope",),
)
PURGES_OWED: Final = Definition(
    "bff_purges_owed",
    "gauge",
    "Purges that the store has not made yet; they are made when it answers again.",
    "cache and degradation",
)

CACHE: Final = (
    CACHE_REQUESTS,
    DEGRADATIONS,
    DROPPED_ELEMENTS,
    MEMORY_BYTES,
    MEMORY_ENTRIES,
    EVICTIONS,
    ENTRY_BYTES,
    NOT_STORED,
    REPLY_REQUESTS,
    REFRESHES,
    JOINED_FLIGHTS,
    LEASE_WAITS,
    STORE_OPERATIONS,
    STORE_HEARS,
    PURGES,
    PURGES_OWED,
)
