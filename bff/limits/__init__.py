"""Limits: how many requests a caller has left, counted in Redis and, by leases, in each worker.

`ports` has what a request gets: a verdict. `leases` counts by tokens that a worker took from the
bucket in Redis (`bucket`), `windows` by the sliding windows of the `limits` library, `local` by
buckets of this worker alone, for as long as Redis is away. May not know HTTP.
"""
