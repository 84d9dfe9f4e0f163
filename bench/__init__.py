"""Side-by-side benchmarks: the gateway beside its peers and what one would write by hand.

`make bench` runs them (`bench.__main__`); docs/performance.md tells what the figures mean. One run
gets the peers' programs (`bench.provision`), starts everything (`bench.stage`), loads every row
once a round (`bench.rounds`), and works out medians and ratios (`bench.figures`). What is measured
stands in `bench.rows`, what is asked of it in `bench.comparisons`. Not part of the wheel.
"""
