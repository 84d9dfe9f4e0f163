"""Headers that stand in every reply with a payload: for how long, by whom and by what it varies."""

from collections.abc import Sequence

from bff.cache.entries import Entry
from bff.plan.model.composition import Composition
from bff.web.http.replies import REVALIDATE, RawHeader


def payload_headers(
    composition: Composition, entry: Entry | None, vary: RawHeader
) -> list[RawHeader]:
    """`Cache-Control` and `Vary`. Only a complete payload that was declared public may be kept by
    browsers and proxies; `Age` then tells them how much of its time is over."""
    return [_control(composition, entry), vary]


def vary_header(names: Sequence[str]) -> RawHeader:
    """`Vary`, where the reply is chosen by the headers called so, and by its coding."""
    return b"vary", ", ".join(("accept-encoding", *dict.fromkeys(names))).encode("latin-1")


def _control(composition: Composition, entry: Entry | None) -> RawHeader:
    policy = composition.cache
    if entry is None or entry.flaw is not None or policy is None or not composition.is_public:
        return REVALIDATE
    parts = ["public", f"max-age={int(entry.ttl_seconds)}"]
    if entry.may_be_stale:  # RFC 5861
        parts += [
            f"{name}={int(seconds)}"
            for name, seconds in (
                ("stale-while-revalidate", policy.stale_seconds),
                ("stale-if-error", policy.stale_if_error_seconds),
            )
            if seconds >= 1
        ]
    return b"cache-control", ", ".join(parts).encode()
