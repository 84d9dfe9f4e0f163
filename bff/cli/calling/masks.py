"""What may be shown of texts that services and projects hold: no secret, no control character."""

import html
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from bff.environment import Environment, Kind
from bff.secret import SHOWN, Secret

_LONGEST = 600  # characters of a service's own words


@dataclass(frozen=True, slots=True)
class RecordedEnvironment(Environment):
    """An environment that remembers the secrets that were read from it."""

    secrets: list[Secret] = field(default_factory=list, repr=False)

    def read(self, kind: Kind, name: str) -> str | Secret | None:
        """See `Environment.read`."""
        value = Environment.read(self, kind, name)
        if isinstance(value, Secret):
            self.secrets.append(value)
        return value


class Mask:
    """Hides secrets in each form in which a URL, a form, JSON or HTML writes them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)  # one may be a part of another

    def show(self, text: str) -> str:
        """The text without secrets and control characters."""
        for form in self._forms:
            text = text.replace(form, SHOWN)
        return printable(text)

    def words(self, body: bytes) -> str:
        """The beginning of a body in the same way: a service's own words."""
        text = self.show(body.decode("utf-8", errors="replace").strip())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def printable(text: str) -> str:
    """The text with each character escaped that a terminal would obey or not show."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _forms(secret: str) -> Iterable[str]:
    in_json = json.dumps(secret, ensure_ascii=False)[1:-1]
    return (
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        in_json,
        in_json.replace("/", "\\/"),
        json.dumps(secret)[1:-1],
        html.escape(secret),
    )
