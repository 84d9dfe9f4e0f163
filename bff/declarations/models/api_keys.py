"""`identity.api_keys` of `gateway.yaml`: the header that keys come in, and where they are kept."""

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import AfterValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.environment.filling import FilledText
from bff.declarations.models.forms import TOKEN
from bff.header_names import FORWARDED, FRAMING, HOP_BY_HOP, TRACE

_TAKEN: Final = FORWARDED | FRAMING | HOP_BY_HOP | TRACE | {"cookie", "forwarded", "via"}


def _check_header(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise refusal(Violation(f"'{name}' is no header's name", "Write X-Api-Key."))
    if "_" in name:
        raise refusal(
            Violation(
                f"'{name}' has an underscore, and servers drop such headers", "Write X-Api-Key."
            )
        )
    if name.lower() in _TAKEN or name.lower().startswith("x-forwarded-"):
        raise refusal(
            Violation(f"the header '{name}' has a meaning of its own", "Write X-Api-Key.")
        )
    return name


def _check_file(path: str) -> str:
    if "${" in path and not isinstance(path, FilledText):
        raise refusal(Violation("only the environment is read here", "Write ${env.NAME}."))
    if not path or "\0" in path or path.endswith("/"):
        raise refusal(Violation("this is no file's path", "Write keys.json."))
    return path


class ApiKeysDecl(Declaration):
    """Keys that `bff keys` makes: in a file, its path from the project's folder or absolute, or in
    the Redis that the gateways share."""

    header: Annotated[str, AfterValidator(_check_header)] = "X-Api-Key"
    file: Annotated[str, AfterValidator(_check_file)] | None = None
    redis: bool = False

    def violations(self) -> Iterator[Violation]:
        if not self.knows("file", "redis"):
            return
        if self.file is not None and self.redis:
            yield Violation("keys are in one place", "Keep `file` or `redis`.", ("redis",), True)
        elif self.file is None and not self.redis and not self.errors:
            yield Violation(
                "says nowhere where keys are", "Write `file: keys.json`, or `redis: true`.",
                at_key=True,
            )  # fmt: skip
