"""The metrics of caches, of their purges, and of degraded payloads."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import SHORT_SECONDS, Definition

_ENTRY_BYTES: Final = (1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216)

CACHE_REQUESTS: Final = Definition(
    "bff_cache_requests",
    "counter",
    "Requests to compositions, by the state of the cache: hit, stale, miss, collapsed,"
    " stale_if_error, bypass.",
    "cache and degradation",
    ("composition", "cache"),
)
DEGRADATIONS: Final = Definition(
    "bff_degradations",
    "counter",
    "Steps that degraded or failed a payload, by the reason, once for each run; not those that"
    " refused it (a 4xx). The step is empty where the whole payload failed.",
    "cache and degradation",
    ("composition", "step", "reason"),
)
DROPPED_ELEMENTS: Final = Definition(
    "bff_dropped_elements",
    "counter",
    "Elements that were left out of services' lists because they break the schema.",
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
    "Entries that were removed from memory to make room for others.",
    "cache and degradation",
)
ENTRY_BYTES: Final = Definition(
    "bff_cache_entry_bytes",
    "histogram",
    "Sizes of the stored entries, with their overhead.",
    "cache and degradation",
    unit="bytes",
    bounds=_ENTRY_BYTES,
)
NOT_STORED: Final = Definition(
    "bff_cache_not_stored",
    "counter",
    "Results that could not be stored: they have too many tags or none could be made (untagged),"
    " a purge came while they were made (purged), memory refuses this size, or tagged entries"
    " while it hears of no purges (memory), the store that workers share accepts nothing now"
    " (store).",
    "cache and degradation",
    ("reason",),
)
REPLY_REQUESTS: Final = Definition(
    "bff_cache_reply_requests",
    "counter",
    "Calls of operations whose replies steps share, by the state of the cache: hit, stale, miss,"
    " collapsed, stale_if_error.",
    "cache and degradation",
    ("service", "operation", "cache"),
)
REFRESHES: Final = Definition(
    "bff_cache_refreshes",
    "counter",
    "Refreshes of stale entries in the background: ok, failed.",
    "cache and degradation",
    ("outcome",),
)
JOINED_FLIGHTS: Final = Definition(
    "bff_cache_joined_flights",
    "counter",
    "Requests, and calls whose replies are shared, that waited for the run or the call of"
    " another one in the same worker.",
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
    "How long operations of the store that workers share took, by operation (find, look, write,"
    " purge) and outcome: ok, failed, refused (the store was not called: it failed before, or has"
    " no room).",
    "cache and degradation",
    ("operation", "outcome"),
    "seconds",
    SHORT_SECONDS,
)
STORE_HEARS: Final = Definition(
    "bff_store_hears_purges",
    "gauge",
    "Workers that receive the purges of others. A worker that does not receive them stores no"
    " tagged entries in memory.",
    "cache and degradation",
)
PURGES: Final = Definition(
    "bff_purges",
    "counter",
    "Purges that were requested from this process: of some tags, or of every tagged entry"
    " (everything).",
    "cache and degradation",
    ("scope",),
)
PURGES_OWED: Final = Definition(
    "bff_purges_owed",
    "gauge",
    "Purges that the store has not made yet. They are made when it answers again.",
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
