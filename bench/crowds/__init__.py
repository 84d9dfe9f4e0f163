"""`python -m bench.crowds`: many clients at the same moment.

A thousand ask for one screen that nobody has asked for before: one upstream call for each of its
steps. Three thousand ask for a screen each while the upstream takes a second: nine thousand calls
under way, within bounds of memory. docs/performance.md tells what the figures mean.
"""
