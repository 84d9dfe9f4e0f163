"""`bff purge TAG…`: what is cached under a tag is made anew, in every worker of every gateway.

By the Redis that the gateways share, where the environment names it as it does for them; else by
the endpoint of the gateway at `BFF_HOST` and `BFF_PORT`, whose Redis nobody else knows.
"""

import os

import click

from bff.errors import SettingsError
from bff.settings import Settings, load_settings

_SECONDS = 5.0


@click.command()
@click.argument("tags", metavar="TAG…", nargs=-1, required=True)
def purge(tags: tuple[str, ...]) -> None:
    """Forget every cached payload and reply that has one of the tags.

    Needs BFF_REDIS_URL, or BFF_ADMIN_TOKEN and a gateway at BFF_HOST and BFF_PORT.
    """
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.redis_url is not None:
        gone = _purge_in_redis(settings.redis_url, tags)
    elif settings.admin_token is not None:
        gone = _ask_gateway(settings, settings.admin_token, tags)
    else:
        raise click.ClickException(
            "nobody to tell: set BFF_REDIS_URL to the gateways' Redis, or BFF_ADMIN_TOKEN to the"
            " token of the one that listens at BFF_HOST and BFF_PORT."
        )
    click.echo(f"{gone} purged")


def _purge_in_redis(url: str, tags: tuple[str, ...]) -> int:
    from redis.exceptions import RedisError

    from bff.cache.redis.clients import refuse_bad_url
    from bff.cache.shared.links import RedisStoreClient

    try:
        refuse_bad_url(url)
        return RedisStoreClient(url, seconds=_SECONDS).purge(tags)
    except (SettingsError, RedisError, OSError) as error:
        raise click.ClickException(f"nothing was purged: {error}") from None


def _ask_gateway(settings: Settings, token: str, tags: tuple[str, ...]) -> int:
    import httpx

    from bff.cli.serving.listening import shown
    from bff.web.hosts.flask.admin import PURGE_PATH

    url = f"http://{shown(settings.host, settings.port)}{PURGE_PATH}"
    try:
        reply = httpx.post(
            url,
            json={"tags": list(tags)},
            headers={"authorization": f"Bearer {token}"},
            timeout=_SECONDS,
            trust_env=False,
        )
        said = reply.json()
        if reply.status_code == 200:
            return int(said["purged"])
        why = said["detail"]
    except httpx.HTTPError as error:
        why = f"no answer from {url}: {error}"
    except (ValueError, KeyError, TypeError):
        why = f"what answers at {url} is no bff with an admin token"
    raise click.ClickException(f"nothing is known to be purged. {why}")
