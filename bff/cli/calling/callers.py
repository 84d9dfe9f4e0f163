"""A caller that `bff call` plays: one who is known already, whatever the request brings."""

import json

from bff.cli.calling.requests import WrongCall
from bff.identity.ports import CallerRequest, Claims, Identity, Refusal
from bff.identity.provider import identity_of
from bff.plan.model.identity import IdentityPlan
from bff.secret import Secret


class PlayedCaller:
    """Identifies everybody as one caller; see `IdentityProvider`."""

    headers: tuple[str, ...] = ()

    def __init__(self, caller: Identity) -> None:
        self._caller = caller

    def identify(self, request: CallerRequest) -> Identity:
        """The caller."""
        return self._caller

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


def played_caller(plan: IdentityPlan, claims: str | None, token: str | None) -> PlayedCaller | None:
    """The caller with these claims, a JSON object, and this access token; None where neither is
    given. Roles and scopes are where the project has them. Raises `WrongCall`."""
    if claims is None and token is None:
        return None
    try:
        given = json.loads(claims or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise WrongCall('--claims is no JSON object. Write it as \'{"sub": "ann"}\'.')
    schema = plan.claims
    if schema is not None:
        try:
            schema.validate_value(given)
        except ValueError as error:
            raise WrongCall(f"--claims are none of {schema.name}: {error}.") from None
    subject = str(given.get("sub", ""))
    secret = None if token is None else Secret(token)
    caller = identity_of(Claims("token", given, subject, token=secret), plan)
    if isinstance(caller, Refusal):
        raise WrongCall(f"--claims: {caller.detail}")
    return PlayedCaller(caller)
