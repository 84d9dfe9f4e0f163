"""The headers of a reply, as they came. They become pairs of texts at their first use: most replies
are asked for one or two by name, and all texts would cost 2 µs a reply."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from bff.engine.ports import UpstreamReply


class RawHeaders(Sequence[tuple[str, str]]):
    """Headers as `bff.engine.ports.Headers`, over the bytes that came, without blanks around them.
    Every byte is a character of latin-1."""

    __slots__ = ("_pairs", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._pairs: list[tuple[str, str]] | None = None

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def values_of(self, name: str) -> Iterable[str]:
        """The values of every header of this name (in lower case), in their order."""
        length = len(name)
        for raw_name, value in self._raw:
            # Most names differ in their length, which is faster to see.
            if len(raw_name) == length and raw_name.lower() == name.encode():
                yield _text(value)

    def _all(self) -> list[tuple[str, str]]:
        if self._pairs is None:
            self._pairs = [
                (name.decode("latin-1").lower(), _text(value)) for name, value in self._raw
            ]
        return self._pairs


class RawReply(UpstreamReply):
    """An `UpstreamReply` that finds a header by its name without making texts of all."""

    __slots__ = ()

    def header(self, name: str) -> str | None:
        """See `UpstreamReply.header`."""
        headers = self.headers
        assert isinstance(headers, RawHeaders)  # noqa: S101 - only this kind is put in
        return next(iter(headers.values_of(name)), None)


def _text(value: bytes) -> str:
    return value.decode("latin-1").rstrip(" \t")
