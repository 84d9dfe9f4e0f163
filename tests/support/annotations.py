"""Annotations of every kind that pydantic knows, as source text, and JSON values for them.

Drawn from a `Random`, as `tests.support.json_texts` does and for the same reason.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Sample = Callable[[Random], Any]  # a JSON value, more or less right for the annotation

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
_LEAVES: dict[str, str] = {
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

# what holds one other; how a value of that becomes one of this
_AROUND: dict[str, Callable[[Any, Random], Any]] = {
    "list[{}]": lambda value, _: [value],
    "Sequence[{}]": lambda value, _: [value],
    "set[{}]": lambda value, _: [value],
    "frozenset[{}]": lambda value, _: [value],
    "collections.deque[{}]": lambda value, _: [value],
    "tuple[{}, ...]": lambda value, _: [value, value],
    "tuple[{}, int]": lambda value, _: [value, 1],
    "list[OnErrorOmit[{}]]": lambda value, random: [value, random.choice([None, "x", {}, []])],
    "dict[str, OnErrorOmit[{}]]": lambda value, _: {"a": value, "b": []},
    "dict[str, {}]": lambda value, _: {"a": value},
    "dict[int, {}]": lambda value, _: {"5": value},
    "dict[Word, {}]": lambda value, _: {"a": value},
    "Mapping[str, {}]": lambda value, _: {"a": value},
    "collections.defaultdict[str, {}]": lambda value, _: {"a": value},
    "collections.OrderedDict[str, {}]": lambda value, _: {"a": value},
    "Annotated[list[{}], Len(1, 3)]": lambda value, _: [value],
    "Optional[{}]": lambda value, random: random.choice([value, None]),
    "Union[{}, int, str]": lambda value, random: random.choice([value, 1, "x"]),
    "Annotated[Union[{}, str], Field(union_mode='left_to_right')]": lambda value, _: value,
    "RootModel[{}]": lambda value, _: value,
    "Page[{}]": lambda value, _: {"items": [value]},
    "Json[{}]": lambda value, _: json.dumps(value),
    "Secret[{}]": lambda value, _: value,
    "SkipValidation[{}]": lambda value, _: value,
}

_DEFAULTS = [
    "None", "0", "1.5", "math.inf", "math.nan", "'a'", "[]", "{}", "Level.LOW", "Base()", "Wider()",
    "MISSING", "Permission(3)", "(1, 'a')", "b'a'",
]  # fmt: skip
_FACTORIES = ["list", "dict", "lambda: math.inf", "lambda: None", "lambda data: len(data)"]
_CONFIGS = [
    "extra='allow'", "extra='forbid'", "frozen=True", "ser_json_inf_nan='constants'",
    "ser_json_inf_nan='strings'", "ser_json_inf_nan='null'", "ser_json_timedelta='float'",
    "ser_json_temporal='seconds'", "ser_json_temporal='milliseconds'", "ser_json_bytes='base64'",
    "use_enum_values=True", "validate_default=True", "polymorphic_serialization=True",
    "serialize_by_alias=False", "validate_by_name=True", "str_to_upper=True", "defer_build=True",
    "json_schema_mode_override='validation'", "json_schema_serialization_defaults_required=True",
    "coerce_numbers_to_str=True", "alias_generator=str.upper", "from_attributes=True",
    "json_schema_extra={'type': 'array'}", "revalidate_instances='always'",
]  # fmt: skip
_COMPUTED = [
    ("int", "1"), ("float", "math.inf"), ("float", "math.nan"), ("float", "1"), ("int", "'x'"),
    ("Base", "Wider()"), ("str", "None"), ("float | None", "math.nan"),
    ("list[float]", "[math.inf]"), ("Any", "math.inf"),
    ("datetime.date", "datetime.date(2024, 1, 1)"),
    ("Permission", "Permission(3)"),
    ("dict[str, Base]", "{'a': Wider()}"), ("bytes", "b'\\xff'"), ("str", "'\\ud800'"),
]  # fmt: skip
_EXTRA_KEYS = ["b", "B", "c", "x_y", "secret", "a"]


@dataclass
class Source:
    """A module that defines `T`, and a way to draw JSON values for it."""

    text: str
    sample: Sample


@dataclass
class _Module:
    random: Random
    classes: list[str] = field(default_factory=list)

    def annotation(self, depth: int) -> tuple[str, Sample]:
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            text = self.random.choice(list(_LEAVES))
            values = json.loads(_LEAVES[text])
            return text, lambda random: random.choice(values)
        if kind < 0.6:
            around = self.random.choice(list(_AROUND))
            inner, sample = self.annotation(depth - 1)
            wrap = _AROUND[around]
            return around.format(inner), lambda random: wrap(sample(random), random)
        return self.random.choice([self._model, self._typed_dict, self._dataclass])(depth - 1)

    def _fields(self, depth: int) -> dict[str, tuple[str, Sample]]:
        names = self.random.sample(["a", "b", "c", "x_y"], self.random.randint(1, 3))
        return {name: self.annotation(depth) for name in names}

    def _model(self, depth: int) -> tuple[str, Sample]:
        config = self.random.choice(["", "", self.random.choice(_CONFIGS)])
        lines = [f"model_config = ConfigDict({config})"]
        keys: dict[str, Sample] = {}
        for name, (text, sample) in self._fields(depth).items():
            options, key = self._options(name)
            lines.append(f"{name}: {text} = Field({', '.join(options)})")
            keys[key] = sample
        if self.random.random() < 0.3:
            written, value = self.random.choice(_COMPUTED)
            alias = self.random.choice(["", "alias='b'", "alias='N'"])
            lines += [f"@computed_field({alias})", f"def n(self) -> {written}: return {value}"]
        if self.random.random() < 0.1:
            lines += ["@model_serializer(mode='wrap')", "def w(self, h): return h(self)"]
        return self._named("class {}(BaseModel)", lines, keys)

    def _options(self, name: str) -> tuple[list[str], str]:
        """A field's options, and the key that it is read from."""
        options, key = [], name
        match self.random.randrange(6):
            case 0:
                options.append(f"default={self.random.choice(_DEFAULTS)}")
            case 1:
                options.append(f"default_factory={self.random.choice(_FACTORIES)}")
        match self.random.randrange(12):
            case 0:
                key = "B"
                options.append("alias='B'")
            case 1:
                options.append("serialization_alias='b'")
            case 2:
                key = "B"
                options.append("validation_alias='B'")
            case 3:
                options.append("exclude=True")
            case 4:
                options.append("exclude_if=lambda v: v == 1")
            case 5:
                options.append(f"validation_alias=AliasChoices('B', '{name}')")
            case 6:
                options.append("validation_alias=AliasPath('B', 0)")
        return options, key

    def _typed_dict(self, depth: int) -> tuple[str, Sample]:
        lines, keys = [], {}
        for name, (text, sample) in self._fields(depth).items():
            form = self.random.choice(["{}", "NotRequired[{}]", "NotRequired[OnErrorOmit[{}]]"])
            lines.append(f"{name}: {form.format(text)}")
            keys[name] = sample
        total = self.random.choice(["", ", total=False"])
        return self._named("class {}(TypedDict" + total + ")", lines, keys)

    def _dataclass(self, depth: int) -> tuple[str, Sample]:
        lines, keys, wanted = [], {}, []
        for name, (text, sample) in self._fields(depth).items():
            if self.random.random() < 0.2:
                lines.append(f"{name}: InitVar[{text}]")
                wanted.append(name)
            elif self.random.random() < 0.3:
                lines.append(f"{name}: {text} = {self.random.choice(['None', '1', 'math.inf'])}")
            elif self.random.random() < 0.2:
                lines.append(f"{name}: {text} = field(init=False, default=None)")
            else:
                lines.append(f"{name}: {text}")
            keys[name] = sample
        lines.append(f"def __post_init__({', '.join(['self', *wanted])}): pass")
        kind = self.random.choice(["dataclass", "checked_dataclass"])
        return self._named(f"@{kind}(kw_only=True)\nclass {{}}", lines, keys)

    def _named(self, head: str, lines: list[str], keys: dict[str, Sample]) -> tuple[str, Sample]:
        name = f"T{len(self.classes)}"
        body = "\n    ".join([*lines, "pass"])
        self.classes.append(f"{head.format(name)}:\n    {body}\n")

        def sample(random: Random) -> Any:
            value = {key: each(random) for key, each in keys.items() if random.random() < 0.85}
            if random.random() < 0.3:
                value[random.choice(_EXTRA_KEYS)] = random.choice([1, "x", None, [1.5]])
            return value

        return name, sample


def draw_source(random: Random) -> Source:
    """A module with some type `T`."""
    module = _Module(random)
    text, sample = module.annotation(3)
    return Source(PRELUDE + "\n".join([*module.classes, f"T = {text}"]), sample)
