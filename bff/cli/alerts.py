"""`bff alerts`: rules for Prometheus, which fire when somebody has to look."""

import click
import yaml

from bff.telemetry.alerts.prometheus import prometheus_rules


@click.command()
def alerts() -> None:
    """Print alerts for Prometheus, as a file of rules.

    They are about the gateway's metrics, and about what compositions promise by `slo`. No project
    is read: they are the same for each. Name the file under `rule_files`, and call the scrape job
    `bff`.

    \b
      bff alerts > alerts.yml
    """
    rules = yaml.safe_dump(prometheus_rules(), sort_keys=False, allow_unicode=True, width=1000)
    click.echo(rules, nl=False)
