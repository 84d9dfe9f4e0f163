"""`bff dashboard`: the dashboard of the gateway's metrics, for Grafana."""

import json

import click

from bff.telemetry.dashboard.grafana import grafana_dashboard
from bff.telemetry.dashboard.rows import dashboard_rows


@click.command()
def dashboard() -> None:
    """Print a dashboard of the gateway's metrics as JSON, for Grafana to import."""
    click.echo(json.dumps(grafana_dashboard(dashboard_rows()), indent=2, ensure_ascii=False))
