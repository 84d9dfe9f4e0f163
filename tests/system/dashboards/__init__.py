"""A Grafana dashboard without Grafana: its panels, each with what a real Prometheus has for it.

panels.py   what the dashboard's JSON asks for: rows, panels, queries, units, thresholds
answers.py  the queries' answers, under the names that a legend shows
charts.py   lines over time, as SVG
page.py     all of it as one page, which Chromium takes a picture of

Grafana's server is not in Debian, nor in a registry of packages; what is drawn here is a
picture for readers, and a proof that each query gives what its panel shows.
"""
