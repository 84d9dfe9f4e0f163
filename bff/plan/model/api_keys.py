"""API keys, compiled: the header that they come in, and where they are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# For people: what is wrong where keys are `SharedKeys`, and no Redis is named.
NO_REDIS: Final = (
    "identity.api_keys: keys are kept in the Redis of BFF_REDIS_URL: set it. The gateway's own"
    " Redis would forget them."
)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys in a file that the gateway's user alone may read."""

    path: Path


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """Keys in the Redis that gateways share, under the project's namespace."""

    namespace: str


@dataclass(frozen=True, slots=True)
class ApiKeysPlan:
    """`header` is in lower case."""

    header: str
    store: KeyFile | SharedKeys
