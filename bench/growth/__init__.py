"""`python -m bench.growth`: what a request, a reply and a start cost as things get larger.

Steps in a composition, the size of a reply, compositions in a project: each is a curve, of which
it is asked that it grows no faster than what it is drawn over, or not at all.
docs/performance.md tells what the figures mean.
"""
