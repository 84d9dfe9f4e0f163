"""`bff purge TAG…`: what is cached under a tag is made anew, in every worker of every gateway.

It purges in the Redis that the gateways share, where the environment names it as it does for them,
and there in the project's namespace. It then prints an audit line on standard error. Otherwise it
calls the endpoint of the gateway at `BFF_HOST` and `BFF_PORT`, by TLS where `BFF_CERTFILE` is set,
whose Redis nobody else knows.
"""

import os
import ssl
from pathlib import Path

import click

from bff.cli.project import audit_command, compile_or_exit, project_option
from bff.environment import VariablesAlone
from bff.errors import SettingsError
from bff.plan.model.caching import MOST_TAGS
from bff.settings import Settings, load_settings

_SECONDS = 5.0
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@click.command()
@click.argument("tags", metavar="TAG…", nargs=-1, required=True)
@project_option
def purge(tags: tuple[str, ...], project: Path) -> None:
    """Delete every cached payload and reply that has one of the tags.

    Needs BFF_REDIS_URL and the project, or BFF_ADMIN_TOKEN and a gateway at BFF_HOST and BFF_PORT.
    """
    if len(tags) > MOST_TAGS:
        raise click.ClickException(f"{len(tags)} tags; name {MOST_TAGS} at most.")
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.redis_url is not None:
        # The addresses of services may be variables, and name the namespace; no secret does.
        namespace = compile_or_exit(project, VariablesAlone(os.environ)).namespace
        gone = _purge_in_redis(settings.redis_url, namespace, tags)
    elif settings.admin_token is not None:
        gone = _ask_gateway(settings, settings.admin_token, tags)
    else:
        raise click.ClickException(
            "no gateway to purge: set BFF_REDIS_URL to the gateways' Redis, or BFF_ADMIN_TOKEN to"
            " the token of the one that listens at BFF_HOST and BFF_PORT."
        )
    click.echo(f"{gone} purged")


def _purge_in_redis(url: str, namespace: str, tags: tuple[str, ...]) -> int:
    from redis.exceptions import RedisError

    from bff.cache.shared.store_clients import RedisStoreClient
    from bff.redis.clients import refuse_bad_url

    about = ", ".join(tags)
    try:
        refuse_bad_url(url)
        gone = RedisStoreClient(url, namespace, seconds=_SECONDS).purge(tags)
    except (SettingsError, RedisError, OSError) as error:
        audit_command("purge", "failed", {"bff.tags": about})
        raise click.ClickException(f"nothing was purged: {error}") from None
    audit_command("purge", "done", {"bff.tags": about, "bff.entries": gone})
    return gone


def _ask_gateway(settings: Settings, token: str, tags: tuple[str, ...]) -> int:
    import httpx

    from bff.cli.serving.listening import shown
    from bff.web.hosts.flask.admin import PURGE_PATH

    scheme = "http" if settings.certfile is None else "https"
    url = f"{scheme}://{shown(settings.host, settings.port)}{PURGE_PATH}"
    try:
        reply = httpx.post(
            url,
            json={"tags": list(tags)},
            headers={"authorization": f"Bearer {token}"},
            timeout=_SECONDS,
            trust_env=False,
            verify=True if settings.certfile is None else _trusting(settings.certfile),
        )
        answer = reply.json()
        if reply.status_code == 200:
            return int(answer["purged"])
        why = answer["detail"]
    except httpx.HTTPError as error:
        why = f"no answer from {url}: {error}"
    except (ValueError, KeyError, TypeError):
        why = f"what answers at {url} is no bff with an admin token"
    raise click.ClickException(f"nothing is known to be purged. {why}")


def _trusting(certificates: Path) -> ssl.SSLContext:
    """Trusts the gateway's own certificate alone, whatever names it has: `BFF_HOST` may be none of
    them."""
    try:
        text = certificates.read_text(encoding="latin-1")
        first = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=first)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise click.ClickException(f"BFF_CERTFILE: no certificate: {error}") from None
    return context
