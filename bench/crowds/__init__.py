"""Many clients at the same moment; `bench.__main__` runs them after its rows.

A thousand ask for one screen that nobody has asked for before: one upstream call for each of its
steps. Thousands ask for a screen each from slow upstreams: nine thousand calls under way, within
bounds of memory. docs/performance.md describes what the figures mean.
"""
