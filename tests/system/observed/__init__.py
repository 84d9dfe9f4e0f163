"""The sample project, as somebody on call sees it.

shop.py         all that runs: the project, its services, a real Prometheus, a collector of spans
shoppers.py     who uses it
incident.py     where a fault shows, and when
cardinality.py  how many series it has
span_tree.py    a trace, drawn as a tree
pictures.py     all of it for docs/observability.md: pictures and figures
"""
