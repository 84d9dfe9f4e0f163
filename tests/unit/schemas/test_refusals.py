"""What pydantic accepts and no type can describe is refused where it stands."""

from pathlib import Path

import pytest

from bff.plan.schemas.library import UnknownSchema
from tests.support.plan.schema_sources import schema_of

LAZY = {
    "in a field": ("class T(BaseModel):\n    a: Iterable[int]\n", "in T.a,"),
    "in a list of a nested model": (
        """
        class Sub(BaseModel):
            few: int
            many: dict[str, list[Iterable[str]]] | None = None
        class T(BaseModel):
            subs: list[Sub]
        """,
        "in Sub.many,",
    ),
    "in a union": ("class T(BaseModel):\n    a: int | collections.abc.Generator[int]\n", "in T.a,"),
    "in a dataclass": ("@dataclasses.dataclass\nclass T:\n    a: Iterable[int]\n", "in T.a,"),
    "in a named tuple": ("class T(NamedTuple):\n    a: Iterable[int]\n", "in T.a,"),
    "in a typed dict": ("class T(TypedDict):\n    a: Iterable[int]\n", "in T.a,"),
    "in a model that contains itself": (
        "class T(BaseModel):\n    below: 'T | None' = None\n    a: Iterable[int]\n", "in T.a,",
    ),
    "as an alias": ("T = Iterable[int]", "T has an Iterable"),
    "as an alias with a name": ("T = TypeAliasType('T', 'Iterable[int] | None')", "an Iterable"),
    "extra fields": (
        """
        class T(BaseModel):
            model_config = ConfigDict(extra="allow")
            __pydantic_extra__: dict[str, Iterable[int]]
        """,
        "in T,",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LAZY)
def test_iterable_which_nobody_would_validate_is_refused_where_it_stands(
    case: str, tmp_path: Path
) -> None:
    text, said = LAZY[case]
    with pytest.raises(UnknownSchema, match="is not checked") as refused:
        schema_of(tmp_path, text)
    assert said in refused.value.what
    assert "list[" in refused.value.mend


@pytest.mark.parametrize(
    "annotation",
    [
        "ImportString", "ImportString[Any]", "list[ImportString[int]] | None", "FilePath",
        "DirectoryPath", "NewPath", "SocketPath",
    ],
)  # fmt: skip
def test_type_for_which_a_sender_names_what_the_gateway_touches_is_refused(
    annotation: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownSchema, match=r"in T\.a, has \w+, with which a sender") as refused:
        schema_of(tmp_path, f"class T(BaseModel):\n    a: {annotation}\n")
    assert refused.value.mend == "Use str."


def test_validator_of_ones_own_may_have_the_name_of_pydantics(tmp_path: Path) -> None:
    text = """
        def import_string(text: str) -> str:
            return text
        T = Annotated[str, AfterValidator(import_string)]
        """
    assert schema_of(tmp_path, text).read(b'"os"', json=True, text=False) == ("os", None)


def test_two_fields_that_are_written_under_one_name_are_refused(tmp_path: Path) -> None:
    text = """
        class T(BaseModel):
            a: int
            b: str = Field(serialization_alias="a")
        """
    with pytest.raises(UnknownSchema, match=r"^schemas\.m:T, in T, writes two fields as 'a'$"):
        schema_of(tmp_path, text)


def test_computed_field_under_a_fields_name_is_refused(tmp_path: Path) -> None:
    text = """
        class T(BaseModel):
            a: int
            @computed_field(alias="a")
            def b(self) -> int:
                return 1
        """
    with pytest.raises(UnknownSchema, match=r"^schemas\.m:T, in T, writes two fields as 'a'$"):
        schema_of(tmp_path, text)
