"""The forms of a payload, ready to go out: whole, in a view, or with the fields a client names.

A stored payload has its variants beside it: each is masked, compressed and hashed once. A large
payload is worked on by the heavy-work thread, so that the loop isn't held.
"""

from collections.abc import Sequence

from bff.cache.entries import Entry
from bff.engine.heavy_work import HeavyShare
from bff.engine.values.results import CompositionPayload
from bff.plan.model.composition import Composition
from bff.web.compositions.outcome_replies import degraded_headers
from bff.web.compositions.request import FIELDS, PayloadForm
from bff.web.compositions.variants import Variant, masked
from bff.web.http.codings import IDENTITY, LEAST_BYTES
from bff.web.http.replies import REVALIDATE, RawHeader, SharedHeaders

_MOST_FIELD_FORMS = 32  # stored with one entry: clients can combine fields in endless ways


class PayloadForms:
    """Makes the variants of one composition's payloads. A payload of more than `off_loop_bytes` is
    large. `vary` is the header of every reply."""

    def __init__(self, composition: Composition, vary: RawHeader, off_loop_bytes: int) -> None:
        self._composition = composition
        self._vary = vary
        self._off_loop_bytes = off_loop_bytes
        self._uncached_headers = _standing(composition, None, vary)

    def at_once(self, entry: Entry, form: PayloadForm, coding: str) -> Variant | None:
        """The variant of a stored payload; None where making it takes a while. Safe from any
        thread."""
        variant: Variant | None = entry.variants.get((form.name, coding))
        if variant is not None:
            return variant
        if len(entry.body) > self._off_loop_bytes:
            return None
        plain = self._plain(entry, form)
        if coding == IDENTITY:
            return plain
        if len(plain.body) >= LEAST_BYTES:
            return None
        self._keep(entry, (form.name, coding), plain)
        return plain

    async def stored(
        self, entry: Entry, form: PayloadForm, coding: str, heavy: HeavyShare
    ) -> Variant:
        """The variant of a stored payload. Raises `DeadlinePassed`."""
        variant = self.at_once(entry, form, coding)
        if variant is not None:
            return variant
        return await heavy.run(self._coded, entry, form, coding)

    async def uncached(
        self, payload: CompositionPayload, form: PayloadForm, heavy: HeavyShare
    ) -> Variant:
        """The variant of a payload that is not stored, without a coding. Raises
        `DeadlinePassed`."""
        if len(payload.body) > self._off_loop_bytes:
            body = await heavy.run(_body_in, form, payload)
        else:
            body = _body_in(form, payload)
        return Variant(body, self._uncached_headers, payload.head)

    def _coded(self, entry: Entry, form: PayloadForm, coding: str) -> Variant:
        # On the heavy-work thread: of many who ask for it first at once, the first makes it.
        known: Variant | None = entry.variants.get((form.name, coding))
        if known is not None:
            return known
        variant = self._plain(entry, form)
        if coding != IDENTITY:
            if len(variant.body) >= LEAST_BYTES:
                variant = variant.encoded(coding)
            self._keep(entry, (form.name, coding), variant)
        return variant

    def _plain(self, entry: Entry, form: PayloadForm) -> Variant:
        known: Variant | None = entry.variants.get((form.name, IDENTITY))
        if known is not None:
            return known
        standing = _standing(self._composition, entry, self._vary)
        variant = Variant(_body_in(form, entry), standing, entry.head)
        self._keep(entry, (form.name, IDENTITY), variant)
        return variant

    def _keep(self, entry: Entry, name: tuple[str, str], variant: Variant) -> None:
        if name[0].startswith(FIELDS) and _count_fields(entry) >= _MOST_FIELD_FORMS:
            return
        entry.keep(name, variant)


def _count_fields(entry: Entry) -> int:
    return sum(name.startswith(FIELDS) for name, _ in list(entry.variants))


def _body_in(form: PayloadForm, payload: Entry | CompositionPayload) -> bytes:
    if not payload.head.has_body:
        return b""
    if form.mask is None:
        return payload.views[form.name]
    return masked(payload.body, form.mask) if form.mask.fields else payload.body


def vary_header(names: Sequence[str]) -> RawHeader:
    """`Vary`, where the reply is chosen by the headers called so, and by its coding."""
    return b"vary", ", ".join(("accept-encoding", *dict.fromkeys(names))).encode("latin-1")


def _standing(composition: Composition, entry: Entry | None, vary: RawHeader) -> SharedHeaders:
    """The headers of every reply with the payload: `Cache-Control` and `Vary`, and `Proxy-Status`
    where it is degraded. Browsers and proxies may keep only a complete payload that was declared
    public; `Age` then gives how much of its time is over."""
    if entry is not None and entry.flaw is not None:
        return SharedHeaders([REVALIDATE, vary, *degraded_headers(entry.flaw)])
    return SharedHeaders([_cache_control(composition, entry), vary])


def _cache_control(composition: Composition, entry: Entry | None) -> RawHeader:
    policy = composition.cache
    if entry is None or policy is None or not composition.is_public:
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
