"""Browser sessions, compiled: what `bff.identity.sessions` is built from."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bff.secret import Secret

LOGIN_PATH: Final = "/bff/login"
CALLBACK_PATH: Final = "/bff/callback"
USER_PATH: Final = "/bff/user"
LOGOUT_PATH: Final = "/bff/logout"
BACKCHANNEL_PATH: Final = "/bff/backchannel-logout"

OWN_METHODS: Final = {
    LOGIN_PATH: "GET",
    CALLBACK_PATH: "GET",
    USER_PATH: "GET",
    LOGOUT_PATH: "GET",
    BACKCHANNEL_PATH: "POST",
}


@dataclass(frozen=True, slots=True)
class SessionsPlan:
    """The project's `identity.sessions`. `public_url` is where browsers find what the gateway has
    at "", without a last slash. `keys` stand from the newest to the oldest. `redis_url` is None
    where it is the gateway's own. `namespace` separates these sessions from those of others in the
    same Redis: another client or another address has others, new keys and scopes leave them."""

    issuer: str
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]
    public_url: str
    keys: tuple[Secret, ...]
    redis_url: Secret | None
    after_login: str
    after_logout: str
    idle_seconds: float
    absolute_seconds: float
    namespace: str

    @property
    def origin(self) -> str:
        """The origin of `public_url`, as browsers write it."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends browsers back to."""
        return self.public_url + CALLBACK_PATH
