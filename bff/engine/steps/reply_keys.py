"""The keys under which upstream replies are kept.

A reply depends on the operation and on the request as it goes on the wire, so these are the key,
for every caller. A step that stores replies for another time or under other tags has its own keys.
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

    def __init__(self, operation: Operation, caching: ReplyCaching, namespace: str) -> None:
        self._by_identity = caching.scope == "identity"
        tags = [each.source for each in caching.tags]
        kept = to_json([namespace, operation.digest, tags, astuple(caching.policy)])
        self._start = hashlib.blake2b(kept + b"\0", digest_size=_DIGEST_BYTES)

    def __call__(self, rendered: Rendered, identity_key: str) -> str:
        """The key of the reply to a request; `identity_key` counts where replies are one
        caller's."""
        own_to = identity_key if self._by_identity else None
        digest = self._start.copy()
        digest.update(to_json([rendered.target, rendered.headers, own_to]))
        digest.update(b"\0" if rendered.body is None else b"\1" + rendered.body)
        return digest.hexdigest()
