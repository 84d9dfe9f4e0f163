"""A path that a route forwards has no reading in which a segment of it is `.` or `..`."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from bff.plan.params.sendable import has_dot_segment
from bff.upstream.guards import is_sendable
from bff.web.serving.routing import RoutingTable, ToRoute
from tests.support.upstream.routes import declared_route

TABLE = RoutingTable([], [declared_route("/raw", "shop")])
_CONTROLS = r"[\x00-\x1f\x7f]"

# What servers do with a path after they have decoded it, in the order in which they may.
_HABITS = (
    lambda path: unicodedata.normalize("NFKC", path),
    lambda path: path.replace("\\", "/"),
    lambda path: re.sub(r"[?#].*", "", path, flags=re.DOTALL),
    lambda path: re.sub(_CONTROLS + "[^/]*", "", path),
    lambda path: re.sub(_CONTROLS, "", path),
    lambda path: re.sub(r" *(/|$) *", r"\1", path),
    lambda path: re.sub(r";[^/]*", "", path),
)

pieces = st.sampled_from(
    [
        *("/", "\\", ".", "..", "a", "raw", ";", ";x", " ", "%", "25", "2e", "%2e", "%2E", "%2f"),
        *("%5c", "%252e", "%252f", "%25", "%00", "%09", "%20", "%3b", "%3f", "%23", "%c0%ae"),
        *("%e2%80%a5", "%ef%bc%8e", "%ef%bc%8f", "%ef%bc%bc", "%e2%80%a4", "%7f", "?", "#"),
    ]
)


def readings(path: str) -> Iterator[str]:
    """What servers may take the path for."""
    for _ in range(4):
        for chosen in product((False, True), repeat=len(_HABITS)):
            read = path
            for habit, is_chosen in zip(_HABITS, chosen, strict=True):
                read = habit(read) if is_chosen else read
            yield read
        path = unquote(path)


@given(st.lists(pieces, max_size=8).map("".join))
@example("..;")
@example("%252e%252e%00x")
def test_forwarded_path_has_no_reading_with_dot_segments(below: str) -> None:
    path = f"/raw/{below}"
    is_forwarded = (
        isinstance(TABLE.match("GET", path), ToRoute)
        and not has_dot_segment(path)
        and is_sendable(path)
    )
    if is_forwarded:
        for reading in readings(path):
            assert not {".", ".."} & set(reading.split("/")), reading
