"""Side-by-side benchmarks: what the gateway costs beside what one would write by hand.

`make bench` runs them (`bench.__main__`); docs/performance.md tells what the figures mean. One run
starts everything (`bench.stage`), loads every row once a round (`bench.rounds`), and works out
medians and ratios (`bench.figures`). Not part of the wheel.
"""
