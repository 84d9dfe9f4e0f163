"""Where `env.NAME` and `secret.NAME` are read: variables, and a folder with a file for each secret.

Nothing is read in a request. Errors name a variable or a file, and never repeat a value.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bff.secret import Secret, UnreadSecret

LARGEST_VALUE: Final = 64 * 1024  # bytes of a variable or a secret

# Python has a lone surrogate in the place of a byte that is not UTF-8.
_UTF8: Final = re.compile("[^\ud800-\udfff]*")

Kind = Literal["env", "secret"]


class UnusableValue(Exception):
    """A variable or a secret that is there, and can't be used."""

    def __init__(self, what: str, mend: str) -> None:
        self.what = what
        self.mend = mend
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables, and the folder of secrets, with a file for each, as Docker and Kubernetes mount
    them."""

    variables: Mapping[str, str] = field(repr=False)
    secrets_dir: Path | None = None

    def read(self, kind: Kind, name: str) -> str | Secret | None:
        """The value; None where there is none, or where it is empty. Raises `UnusableValue`."""
        if kind == "env":
            return self._variable(name)
        text = self._file(name)
        if text is None:
            text = self._variable(name)
        return Secret(text) if text else None

    def _variable(self, name: str) -> str | None:
        text = self.variables.get(name)
        if text and not _UTF8.fullmatch(text):
            raise UnusableValue(f"the variable {name} is not UTF-8", "Set it as UTF-8.")
        if text and len(os.fsencode(text)) > LARGEST_VALUE:
            raise UnusableValue(
                f"the variable {name} has over {LARGEST_VALUE} bytes", "Set a shorter value."
            )
        return text or None

    def _file(self, name: str) -> str | None:
        """The text of a secret's file, without its last line break."""
        if self.secrets_dir is None:
            return None
        path = self.secrets_dir / name
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_VALUE + 1)
        except FileNotFoundError:
            if self.secrets_dir.is_dir():
                return None
            raise UnusableValue(
                f"BFF_SECRETS_DIR names no folder: {self.secrets_dir}",
                "Name the folder that secrets are mounted in, or leave it out.",
            ) from None
        except OSError as error:
            raise UnusableValue(
                f"the file {path} can't be read: {error.strerror}",
                "The gateway's user must be able to read it.",
            ) from None
        if len(content) > LARGEST_VALUE:
            raise UnusableValue(
                f"the file {path} has over {LARGEST_VALUE} bytes", "Store the secret alone in it."
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Not chained: the error holds the bytes.
            raise UnusableValue(f"the file {path} is not UTF-8", "Save it as UTF-8.") from None
        return text.removesuffix("\n").removesuffix("\r")


class VariablesAlone(Environment):
    """Variables, and an `UnreadSecret` for each secret: for commands that have no use for any."""

    __slots__ = ()

    def read(self, kind: Kind, name: str) -> str | Secret | None:
        """See `Environment.read`."""
        return UnreadSecret("unread") if kind == "secret" else self._variable(name)
