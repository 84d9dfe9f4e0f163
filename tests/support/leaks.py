"""What a reply to a client must not hold: addresses of upstreams, what they said, and how the
gateway's own libraries word it."""

import re

from tests.support.gateway.hosts import Answer
from tests.support.upstream.wire import WireServer

_OF_THE_INSIDE = re.compile(
    r"127\.0\.0\.1|localhost|Traceback|[a-z](Error|Exception)\b|os error|\bline \d+", re.ASCII
)


def refuse_leaks(answer: Answer, upstream: WireServer, *hushed: str) -> None:
    """Fails where a header or the body tells of the upstream, or has one of the `hushed` texts."""
    for told in (answer.body.decode(), *(f"{name}: {value}" for name, value in answer.headers)):
        assert not _OF_THE_INSIDE.search(told)
        # As a word: an id or a tag of hexadecimal digits may hold the same five by chance.
        assert not re.search(rf"\b{upstream.port}\b", told)
        for text in hushed:
            assert text not in told
