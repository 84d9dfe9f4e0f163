"""`access` and `cors`: who may call an endpoint, and which pages may read its replies."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.addresses import Origin
from bff.declarations.models.auth import check_scopes
from bff.declarations.models.forms import EmbeddedExpression, FromList, PreflightAge

_KINDS = ("public", "authenticated")


def _check_roles(roles: tuple[str, ...]) -> tuple[str, ...]:
    for index, role in enumerate(roles):
        if not role or not role.isprintable():
            raise refusal(Violation("this is no role", "Write its name.", (index,)))
    return roles


class RolesDecl(Declaration):
    """The roles that a caller has to have: one of `any`, and each of `all`."""

    any: Annotated[tuple[str, ...], FromList, AfterValidator(_check_roles)] = ()
    all: Annotated[tuple[str, ...], FromList, AfterValidator(_check_roles)] = ()

    def violations(self) -> Iterator[Violation]:
        yield from _check_lists(self, self.any, self.all, "roles")


class ScopesDecl(Declaration):
    """The scopes that a caller has to have: one of `any`, and each of `all`."""

    any: Annotated[tuple[str, ...], FromList, AfterValidator(check_scopes)] = ()
    all: Annotated[tuple[str, ...], FromList, AfterValidator(check_scopes)] = ()

    def violations(self) -> Iterator[Violation]:
        yield from _check_lists(self, self.any, self.all, "scopes")


def _no_list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        raise refusal(
            Violation(
                "a list does not say whether one of them is enough",
                "Write {any: […]}, or {all: […]} where it takes each of them.",
            )
        )
    return value


class AccessRules(Declaration):
    """What an identified caller has to be besides; `when` is a condition."""

    roles: Annotated[RolesDecl | None, BeforeValidator(_no_list)] = None
    scopes: Annotated[ScopesDecl | None, BeforeValidator(_no_list)] = None
    when: EmbeddedExpression | None = None

    def violations(self) -> Iterator[Violation]:
        if not self.model_fields_set and not self.errors:
            yield Violation(
                "states nothing", "Write public, authenticated, or what the caller has to be:"
                " {roles: {any: [support]}}.",
                at_key=True,
            )  # fmt: skip


def _check_access(value: Any, info: ValidationInfo) -> Any:
    """A word or a mapping; decided here, before pydantic looks inside."""
    if isinstance(value, dict):
        return AccessRules.model_validate(value, context=info.context)
    if value not in _KINDS:
        raise refusal(
            Violation(
                "this is no access that an endpoint can have",
                "Write public (anyone may call it), authenticated,"
                " or what the caller has to be: {roles: {any: [support]}}.",
            )
        )
    return value


def _check_lists(
    declared: Declaration, one: tuple[str, ...], each: tuple[str, ...], what: str
) -> Iterator[Violation]:
    if declared.errors:
        return
    if not one and not each:
        mend = f"Name {what}, or leave `{what}` out."
        yield Violation(f"names no {what}", mend, at_key=True)
    for key, names in (("any", one), ("all", each)):
        if key in declared.model_fields_set and not names and (one or each):
            yield Violation(f"names no {what}", "Leave it out.", (key,))
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Violation(f"'{name}' is listed twice", "Keep one.", (key, index))
    for index, name in enumerate(one):
        if name in each:
            yield Violation(
                f"every caller has '{name}', by `all`", "Keep it in one of them.", ("any", index)
            )


AccessKind = Literal["public", "authenticated"]
Access = Annotated[AccessKind | AccessRules, BeforeValidator(_check_access)]


class CorsDecl(Declaration):
    """Which origins' pages may read replies. What an endpoint's own leaves out is the gateway's."""

    origins: Annotated[tuple[Origin, ...], FromList] | None = None  # none when None
    credentials: bool | None = None  # false when None
    max_age: PreflightAge | None = None  # seconds; ten minutes when None
