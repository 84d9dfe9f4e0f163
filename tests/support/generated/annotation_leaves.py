"""Annotations that hold no other, as source text, and the module that they are written for."""

PRELUDE = """
import fractions, math, re
from collections.abc import *
from typing import *
from pydantic import *
from pydantic.dataclasses import dataclass as checked_dataclass
from annotated_types import Ge, Len, Predicate
from dataclasses import InitVar, dataclass, field
from typing_extensions import NamedTuple, NotRequired, ReadOnly, TypeAliasType, TypedDict

class Level(enum.Enum):
    LOW = "a"
    HIGH = 2
class Word(enum.StrEnum):
    A = "a"
    B = "b"
class Count(enum.IntEnum):
    ONE = 1
    TWO = 2
class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2
class Colour(enum.Flag):
    RED = 1
    BLUE = 2
class Base(BaseModel):
    id: int = 1
class Wider(Base):
    secret: str = "s"
class Node(BaseModel):
    value: float = 0
    children: list["Node"] = []
class Pair(NamedTuple):
    x: int
    y: Annotated[float, PlainSerializer(lambda v: str(v), return_type=str)] = 1.5
class Loose(NamedTuple):
    x: int = None
Item = TypeVar("Item")
class Page(BaseModel, Generic[Item]):
    items: list[Item]
    first: Item | None = None
class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9
class Dog(BaseModel):
    kind: Literal["dog"]
    weight: float = math.inf
class Listed(RootModel[list[int]]):
    root: list[int] = Field(json_schema_extra={"type": "object"})
class Plain(BaseModel):
    a: int
    @model_serializer
    def write(self) -> dict[str, int]: return {"x": self.a}
def kind_of(value):
    kind = value["kind"] if isinstance(value, dict) else value.kind
    return kind[0]
Tree = TypeAliasType("Tree", "dict[str, Tree] | int")
"""

# an annotation and the texts of values for it
LEAVES: dict[str, str] = {
    "int": "[5, -1, 1.0, \"7\", true, 1e30]",
    "float": "[5, 1.5, \"1.5\", \"nan\", \"inf\", 1e308]",
    "str": "[\"a\", \"\", 5]",
    "bool": "[true, 0, \"yes\"]",
    "None": "[null]",
    "Any": "[null, {\"a\": [1.5]}, \"x\"]",
    "object": "[null, {\"a\": [1.5]}, \"x\"]",
    "bytes": "[\"a\", \"é\"]",
    "complex": "[\"1+2j\", 1.5, \"nan+1j\"]",
    "decimal.Decimal": "[1.5, \"1.50\", \"NaN\", 7]",
    "fractions.Fraction": "[\"1/3\", 1.5]",
    "datetime.date": "[\"2024-02-29\", 0]",
    "datetime.datetime": "[\"2024-02-29T10:00:00Z\", 1700000000]",
    "datetime.time": "[\"10:00:00\", 60]",
    "datetime.timedelta": "[\"PT1H\", 1.5]",
    "uuid.UUID": "[\"12345678-1234-5678-1234-567812345678\"]",
    "pathlib.Path": "[\"/tmp/x\"]",
    "pathlib.PurePosixPath": "[\"x\"]",
    "ipaddress.IPv4Address": "[\"127.0.0.1\", 5]",
    "ipaddress.IPv6Network": "[\"::/64\"]",
    "ipaddress.IPv4Interface": "[\"127.0.0.1/8\"]",
    "re.Pattern": "[\"a+\"]",
    "re.Pattern[bytes]": "[\"a+\"]",
    "Level": "[\"a\", 2]",
    "Word": "[\"a\"]",
    "Count": "[1, 2, \"2\"]",
    "Permission": "[1, 2, 3, 0, 8]",
    "Colour": "[1, 3]",
    "Literal['a', 1, True, None]": "[\"a\", 1, true, null]",
    "Literal[Level.LOW, 'x']": "[\"a\", \"x\"]",
    "Literal[b'a']": "[\"a\"]",
    "AnyUrl": "[\"http://a.example/x\"]",
    "HttpUrl": "[\"http://a.example\"]",
    "PostgresDsn": "[\"postgres://u:p@h:5/d\"]",
    "IPvAnyAddress": "[\"::1\", \"127.0.0.1\"]",
    "IPvAnyNetwork": "[\"10.0.0.0/8\"]",
    "SecretStr": "[\"x\", \"\"]",
    "SecretBytes": "[\"x\"]",
    "Secret[int]": "[5, \"7\"]",
    "Secret[datetime.date]": "[\"2024-02-29\"]",
    "Secret[Base]": "[{\"id\": 5}]",
    "ByteSize": "[\"1 KB\", 7, 1.5]",
    "Json": "[\"[1]\", \"{\\\"a\\\": null}\", \"NaN\"]",
    "Json[list[int]]": "[\"[1]\"]",
    "Json[float]": "[\"1\", \"NaN\", \"1e999\"]",
    "JsonValue": "[null, [1.5], {\"a\": \"b\"}]",
    "Base64Str": "[\"YQ==\"]",
    "Base64Bytes": "[\"YQ==\"]",
    "Base64UrlStr": "[\"YQ==\"]",
    "UUID4": "[\"12345678-1234-4678-9234-567812345678\"]",
    "PastDate": "[\"2001-02-28\"]",
    "AwareDatetime": "[\"2024-02-29T10:00:00Z\"]",
    "NaiveDatetime": "[\"2024-02-29T10:00:00\"]",
    "PositiveInt": "[5]",
    "StrictInt": "[5]",
    "StrictFloat": "[5, 1.5]",
    "FiniteFloat": "[5, 1.5]",
    "NonNegativeFloat": "[0, \"inf\"]",
    "conint(ge=1, multiple_of=2)": "[4]",
    "constr(to_upper=True, pattern='^a')": "[\"ab\"]",
    "conlist(int, max_length=2)": "[[1, 2]]",
    "condecimal(max_digits=3)": "[\"1.5\", 2]",
    "list": "[[1, \"a\", [null]]]",
    "dict": "[{\"a\": 1.5}]",
    "tuple": "[[1, \"a\"]]",
    "set": "[[1, \"a\"]]",
    "tuple[()]": "[[]]",
    "Base": "[{\"id\": 2}, {}, {\"id\": 3, \"secret\": \"x\"}]",
    "Node": "[{\"value\": 2, \"children\": [{\"children\": []}]}]",
    "Pair": "[[1], [1, 2], {\"x\": 1}]",
    "Loose": "[[], [1]]",
    "Page[int]": "[{\"items\": [1]}]",
    "Page[Base]": "[{\"items\": [{}], \"first\": {\"id\": 5}}]",
    "Page": "[{\"items\": [1, \"a\"]}]",
    "Tree": "[1, {\"a\": {\"b\": 1}}]",
    "Annotated[Cat | Dog, Discriminator('kind')]": "[{\"kind\": \"cat\"}, {\"kind\": \"dog\"}]",
    "Annotated[Annotated[Cat, Tag('c')] | Annotated[Dog, Tag('d')], Discriminator(kind_of)]": (
        "[{\"kind\": \"cat\"}, {\"kind\": \"dog\"}]"
    ),
    "Annotated[Base, ValidateAs(int, lambda n: Base(id=n))]": "[1]",
    "Listed": "[[1, 2]]",
    "Plain": "[{\"a\": 1}]",
    "Annotated[list[int], FailFast()]": "[[1, 2], [1, \"x\"]]",
    "Annotated[str, Strict()]": "[\"a\", 1]",
    "Annotated[datetime.date, Field(gt=datetime.date(2020, 1, 1))]": "[\"2024-02-29\"]",
    "dict[datetime.date, int]": "[{\"2024-02-29\": 1}]",
    "dict[Level, float]": "[{\"a\": 1}]",
    "dict[tuple[int, int], int]": "[{}]",
    "dict[Literal['a', 'b'], int]": "[{\"a\": 1}]",
    "dict[decimal.Decimal, bool]": "[{\"1.50\": true}]",
    "Cat | Dog": "[{\"kind\": \"cat\", \"lives\": 3}, {\"kind\": \"dog\", \"weight\": 1}]",
    "Callable[[], int]": "[1]",
    "type[int]": "[\"int\"]",
    "InstanceOf[Base]": "[{\"id\": 5}]",
    "collections.Counter[str]": "[{\"a\": 2}]",
    "SkipValidation[int]": "[1, \"x\", null, {\"a\": 1}]",
    "SkipValidation[Base]": "[{\"id\": 1}, {\"id\": 1, \"secret\": \"s\"}, {}]",
    "SerializeAsAny[Base]": "[{\"id\": 1}]",
    "Annotated[Base, WrapValidator(lambda v, h: Wider(id=3))]": "[{\"id\": 1}]",
    "Annotated[int, AfterValidator(str)]": "[1]",
    "Annotated[int, AfterValidator(lambda v: v + 1)]": "[1]",
    "Annotated[float, AfterValidator(lambda v: v * math.inf)]": "[1, 0]",
    "Annotated[int, PlainValidator(lambda v: v)]": "[1, \"x\", {\"a\": 1}]",
    "Annotated[int, BeforeValidator(str)]": "[1, \"x\"]",
    "Annotated[int, WrapValidator(lambda v, h: None)]": "[1, \"x\"]",
    "Annotated[int, PlainSerializer(str)]": "[1]",
    "Annotated[int, PlainSerializer(str, return_type=str)]": "[1]",
    "Annotated[int, PlainSerializer(str, return_type=int)]": "[1]",
    "Annotated[float, PlainSerializer(lambda v: math.nan, return_type=float)]": "[1]",
    "Annotated[Base, PlainSerializer(lambda v: Wider(), return_type=Base)]": "[{}]",
    "Annotated[int, WrapSerializer(lambda v, h: h(v))]": "[1]",
    "Annotated[int, WrapSerializer(lambda v, h: [h(v)], return_type=list[int])]": "[1]",
    "Annotated[int, PlainSerializer(str, when_used='json-unless-none')]": "[1]",
    "Annotated[int, WithJsonSchema({'type': 'string'})]": "[1]",
    "Annotated[int, WithJsonSchema({'type': 'integer', 'minimum': 0})]": "[1]",
    "Annotated[str, Field(json_schema_extra={'type': 'number'})]": "[\"a\"]",
    "Annotated[int, Ge(1)]": "[1]",
    "Annotated[str, Predicate(str.islower)]": "[\"a\"]",
    "Annotated[float, AllowInfNan(True)]": "[\"inf\", 1]",
    "Annotated[str, StringConstraints(strip_whitespace=True)]": "[\" a \"]",
}  # fmt: skip
