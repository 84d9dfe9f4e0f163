"""An upstream of lists of any length, and projects that are generated over it.

`bench.crowds` and `bench.growth` stand on it; the side-by-side benchmarks have documents of their
own, in `bench.payloads`.
"""
