"""API keys, compiled: the header that they come in, and where they are kept."""

from dataclasses import dataclass
from pathlib import Path


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
