"""`bff dashboard`: the dashboard of the gateway's metrics, for Grafana."""

import json

import click

from bff.telemetry.dashboard.grafana import grafana_dashboard
from bff.telemetry.dashboard.rows import dashboard_rows


@click.command()
def dashboard() -> None:
    """Print a dashboard for Grafana, as JSON.

    It shows every metric of the gateway. No project is read: it is the same for each. Import it
    under Dashboards, New, Import, or lay the file into a folder that Grafana provisions from.

    \b
      bff dashboard > bff.json
    """
    click.echo(json.dumps(grafana_dashboard(dashboard_rows()), indent=2, ensure_ascii=False))
