"""The keys under which upstream replies are kept.

The request as it goes on the wire is all that a reply depends on, so it is the key, whoever asks.
Who keeps the reply for another time, or under other tags, has keys of its own.
"""

import hashlib
from dataclasses import astuple

from pydantic_core import to_json

from bff.engine.steps.requests import Rendered
from bff.plan.model.caching import ReplyCaching
from bff.plan.model.service import Operation

_DIGEST_BYTES = 20


class ReplyKeyRecipe:
    """Makes the keys of one operation's replies, 40 hexadecimal digits each; worked out once, as
    far as it doesn't depend on the request. Immutable."""

    __slots__ = ("_by_identity", "_start")

    def __init__(self, operation: Operation, caching: ReplyCaching) -> None:
        self._by_identity = caching.scope == "identity"
        tags = [each.source for each in caching.tags]
        kept = to_json([operation.digest, tags, astuple(caching.policy)])
        self._start = hashlib.blake2b(kept + b"\0", digest_size=_DIGEST_BYTES)

    def __call__(self, rendered: Rendered, identity_key: str) -> str:
        """The key of the reply to a request; `identity_key` counts where replies are one
        caller's."""
        own_to = identity_key if self._by_identity else None
        digest = self._start.copy()
        digest.update(to_json([rendered.target, rendered.headers, own_to]))
        digest.update(b"\0" if rendered.body is None else b"\1" + rendered.body)
        return digest.hexdigest()
