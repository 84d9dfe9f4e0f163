"""What the models of declarations find wrong, told relative to the value they look at.

A model's own checks yield `Finding`s; pydantic carries them as errors, so that those of one file
come together with its errors about types and keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

ERROR_TYPE = "findings"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong at `path`: with the value there, or with the key that the path ends in."""

    what: str
    mend: str = ""
    path: tuple[str | int, ...] = ()
    at_key: bool = False


def refusal(*findings: Finding) -> PydanticCustomError:
    """The error that carries findings; to be raised in validators."""
    return PydanticCustomError(ERROR_TYPE, "found wrong", {"findings": findings})


class Declaration(BaseModel):
    """What every mapping in a project's files is: frozen, strict, with no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def findings(self) -> Iterator[Finding]:
        """What is wrong between this mapping's keys; asked once each key by itself is right."""
        yield from ()

    @model_validator(mode="after")
    def _refuse_findings(self) -> Self:
        found = tuple(self.findings())
        if found:
            raise refusal(*found)
        return self
