"""`bff alerts`: rules for Prometheus, which fire when somebody has to look."""

import click
import yaml

from bff.telemetry.alerts.prometheus import prometheus_rules


@click.command()
def alerts() -> None:
    """Print alerts on the gateway's metrics, and on what compositions promise by `slo`, as a file
    of rules for Prometheus."""
    rules = yaml.safe_dump(prometheus_rules(), sort_keys=False, allow_unicode=True, width=1000)
    click.echo(rules, nl=False)
