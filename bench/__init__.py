"""Side-by-side benchmarks: the gateway beside its peers and what one would write by hand.

`make bench` runs them (`bench.__main__`); docs/performance.md describes what the figures mean. One
run gets the peers' programs (`bench.provision`), starts everything (`bench.stage`), loads every row
once a round (`bench.rounds`), first as fast as it goes (`bench.load`) and then at half of that
(`bench.paced`), and sends the crowds (`bench.crowds`). Medians and ratios come from
`bench.figures`, verdicts from `bench.verdicts`. What is measured stands in `bench.rows`, what is
asked of it in `bench.targets`. Not part of the wheel.
"""
