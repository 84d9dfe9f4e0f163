"""The certified issuer (oidc-provider, of npm) as a process: what the tests log in at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from examples.issuer.__main__ import ACCOUNTS, clients_of

SCRIPT = Path(__file__).parent / "issuer" / "issuer.mjs"
# A program that calls for itself.
ROBOT = {
    "client_id": "robot",
    "client_secret": "robot-secret",
    "redirect_uris": [],
    "response_types": [],
    "grant_types": ["client_credentials"],
}


@dataclass(frozen=True, slots=True)
class CertifiedIssuer:
    """A running issuer; `url` has no slash at its end."""

    url: str

    def events(self) -> list[str]:
        """The names of what has happened so far, in order."""
        names: list[str] = self._call("GET", "/_events").json()
        return names

    def switch(self, **switches: int) -> None:
        """From now on `token_delay_ms`, or `access_seconds`, are these."""
        self._call("POST", "/_switch", json=switches)

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", trust_env=False, **options)


def command_of(issuer: str, gateway: str) -> list[str]:
    """Its command, as `running_demo` wants it. It has the stand-in's clients and accounts."""
    options = {
        "port": int(issuer.rpartition(":")[2]),
        "audience": "shop",
        "clients": [*map(_client, clients_of(gateway).values()), ROBOT],
        "accounts": {
            name: {"password": account.password, **account.claims}
            for name, account in ACCOUNTS.items()
        },
    }
    return ["node", str(SCRIPT), json.dumps(options)]


def _client(client: Any) -> Mapping[str, Any]:
    """A client as oidc-provider takes it."""
    described: dict[str, Any] = {
        "client_id": client.id,
        "redirect_uris": client.redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "post_logout_redirect_uris": client.logout_uris,
    }
    if client.secret is None:
        return described | {"token_endpoint_auth_method": "none", "application_type": "native"}
    return described | {
        "client_secret": client.secret,
        "backchannel_logout_uri": client.backchannel_uri,
        "backchannel_logout_session_required": True,
    }
