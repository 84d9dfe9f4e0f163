"""Types of many kinds, and JSON texts that fit them, or nearly, in every spelling.

Drawn from a `Random` rather than from strategies: their choices would be bent towards few kinds
where dozens matter, and cost ten times as long.
"""

import datetime
import decimal
import enum
import json
import uuid
from random import Random
from typing import Annotated, Any, Literal, NotRequired, Optional

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, create_model
from pydantic import StringConstraints as Text
from typing_extensions import TypedDict


class Level(enum.Enum):
    LOW = "a"
    HIGH = "b"


class Shared(BaseModel):
    a: int
    b: str | None = None


class Node(BaseModel):
    a: int = 1
    b: "list[Node]" = []


class Parcel(TypedDict):
    b: NotRequired[int | None]
    a: str


_PLAIN: list[Any] = [
    str, int, float, float, bool, None, datetime.date, datetime.datetime, datetime.datetime,
    Literal["a"], Literal["a", "é", ""], Literal[1, 2, -3], Literal["a", 1, "1"], Shared, Parcel,
    Annotated[int, Field(ge=0)], Annotated[int, Field(gt=-3, lt=9)], Annotated[float, Field(gt=0)],
    Annotated[float, Field(le=2.5)], Annotated[int, Field(multiple_of=3)],
    Annotated[str, Field(min_length=1, max_length=3)],
]  # fmt: skip
# Most have no fast reader; one that got it by mistake would differ from pydantic
_OTHERS: list[Any] = [
    Any, int | str, float | int, str | datetime.date, Level, decimal.Decimal, uuid.UUID, Node,
    datetime.time, datetime.timedelta, bytes, tuple[int, str], set[int], Literal[True, "a"],
    Literal[1, None], Annotated[str, Text(strip_whitespace=True)],
    Annotated[str, Text(to_upper=True)], Annotated[str, Field(pattern="^a")],
    Annotated[int, Field(strict=True)], Annotated[float, Field(multiple_of=0.5)],
    Annotated[int, AfterValidator(lambda n: n + 1)], Annotated[float, PlainSerializer(str)],
    Annotated[datetime.datetime, Field(ge=datetime.datetime(2000, 1, 1))],
    Annotated[list[int], Field(strict=True)], dict[int, str], Annotated[int, Field(ge=2**80)],
]  # fmt: skip
_CONFIGS: list[dict[str, Any]] = [
    {"extra": "forbid"}, {"extra": "ignore"}, {"frozen": True}, {"extra": "allow"},
    {"str_strip_whitespace": True}, {"str_max_length": 2}, {"populate_by_name": True},
    {"ser_json_inf_nan": "strings"}, {"allow_inf_nan": False}, {"coerce_numbers_to_str": True},
]  # fmt: skip
_DEFAULTS: list[Any] = [
    None, None, 0, 5, -0.0, 1.5, 1e22, float("inf"), True, "", "a", [], {}, [1], Level.LOW, 10**30,
    datetime.date(2024, 1, 1), ("a",),
]  # fmt: skip
_ALIASES = ["id", "é", "a-b", "", "f0", 'q"', "f9", "a[b]", "[" * 250]

_ODD = [
    "-0", "-0.0", "5.0", "5e0", "1e400", "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1e22",
    "18446744073709551616", "-9223372036854775809", "5e-324", "01", "+1", "1.", ".5", "1_0", "0x1",
    "1" * 310, "1" * 4300, "1" * 4301, "-" + "1" * 4400, "1" * 5000 + ".5", "0." + "1" * 5000,
    '"1"', '"1.5"', '"nan"', '" a "', "true", "false", "null", '"true"', '"a"', '"A"', '"b"', "1",
    '"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\ud83d\\u0041"', '"\\u0061"', '"\\/"',
    '"\\x"', '"\udcff"', '"\udced\udca0\udc80"', '{"\udcff":1}', '"\x00"', '"\x7f"', '"\u2028"',
    '"\n"', '{"\\ud800":1}', "[" * 150 + "]" * 150, "[" * 230 + "]" * 230,
    '{"a":[' * 110 + "]}" * 110, '["]",' * 230 + "1" + ',"["]' * 230,
    '["\\"]\\"",' * 230 + "1" + ',"["]' * 230, "[],{}", "[1,]", '{"a":1,}', "[[1],[{}]]",
    '{"a":{"b":[1,"]"]}}', "", "nul", '"', "{", "]",
]  # fmt: skip
_ODD_TIMES = [
    "2024-02-29", "2023-02-29", "2024-01-01T24:00:00Z", "2016-12-31T23:59:60Z", "20240101",
    "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2024-01-01T10:00Z", "1700000000",
    "2024-01-01T10:00:00.12345\\u00367Z", "2024-01-01T10:00:00\\u002e1234567",
    "2024-01-01T10:00:00.123456\\u0037+01:00", "2024\\u002d01-01T00:00:00Z", "2024-01-01T00:00:00",
]  # fmt: skip
_CHARACTERS = 'aZ0 é😀"\\/\u007f\u0000\n\u2028[]{}:.'
_FRACTIONS = ["", "", ".5", ".000", ".123456", ".1234567", ".1234564", ".9999999", ".000000000"]
_ZONES = ["", "Z", "z", "+00:00", "-00:00", "+02:00", "-0530", "+23:59", "+24:00", "+02", "Z "]


def draw_type(random: Random, *, plain: bool = False, depth: int = 3) -> Any:
    """An annotation for pydantic; of kinds alone that have a fast reader if `plain`."""
    if depth == 0 or random.random() < 0.3:
        return random.choice(_PLAIN if plain or random.random() < 0.85 else _OTHERS)
    inner = draw_type(random, plain=plain, depth=depth - 1)
    match random.randrange(6):
        case 0:
            return Optional[inner]  # noqa: UP045 - what is drawn may have no `|`
        case 1:
            return list[inner]
        case 2:
            lengths = random.choice([{"min_length": 1}, {"max_length": 2}, {}])
            return Annotated[random.choice([list[inner], dict[str, inner]]), Field(**lengths)]
        case 3:
            return dict[str, inner]
        case _:
            return _draw_model(random, plain, depth)


def _draw_model(random: Random, plain: bool, depth: int) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name in random.sample(["a", "b", "class", "id", "x_y", "f1"], random.randint(0, 3)):
        options: dict[str, Any] = {}
        if random.random() < 0.4:
            options["default"] = None if plain else random.choice(_DEFAULTS)
        if random.random() < 0.2 and not plain:
            way = random.choice(["alias", "alias", "validation_alias", "serialization_alias"])
            options[way] = random.choice(_ALIASES)
        fields[name] = (draw_type(random, plain=plain, depth=depth - 1), Field(**options))
    config = {} if plain or random.random() < 0.8 else random.choice(_CONFIGS)
    return create_model("Model", __config__=ConfigDict(**config), **fields)  # type: ignore[typeddict-item]


def draw_body(random: Random, schema: Any) -> bytes:
    """A text for the core schema, in any spelling, more or less right."""
    text = _Texts(random, random.choice([0.0, 0.03, 0.2])).of(schema)
    body = text.encode("utf-8", "surrogateescape")
    if random.random() < 0.1:
        at, to = random.randint(0, len(body)), random.choice([0, 0, 1, 2])
        body = body[:at] + random.choice(_DAMAGE) + body[at + to :]
    return body


_DAMAGE = [
    b"", b"\xff", b"\x00", b"\xef\xbb\xbf", b" ", b"\n", b"\x0c", b",", b"}", b"x", b"\\", b'"',
    b"0",
]  # fmt: skip


def draw_plain_body(random: Random, schema: Any) -> bytes:
    """A text for the core schema as a usual service would write it."""
    return _Texts(random, None).of(schema).encode()


class _Texts:
    """`oddity` is the share of values that are wrong or strange; None for the usual spelling."""

    def __init__(self, random: Random, oddity: float | None) -> None:
        self._random = random
        self._oddity = oddity
        self._definitions: dict[str, Any] = {}

    def of(self, schema: Any) -> str:
        if self._is_odd():
            return self._random.choice([*_ODD, self._number(), self._time()])
        match schema["type"]:
            case "definitions":
                self._definitions |= {each["ref"]: each for each in schema["definitions"]}
                return self.of(schema["schema"])
            case "definition-ref":
                return self.of(self._definitions[schema["schema_ref"]])
            case "nullable":
                return "null" if self._random.random() < 0.3 else self.of(schema["schema"])
            case "default" | "model" | "function-after":
                return self.of(schema["schema"])
            case "model-fields" | "typed-dict":
                return self._object(schema["fields"])
            case "list":
                return self._listed([self.of(schema["items_schema"]) for _ in self._few()])
            case "dict":
                return self._listed(
                    [self._text() + ":" + self.of(schema["values_schema"]) for _ in self._few()],
                    "{}",
                )
            case _:
                return self._scalar(schema)

    def _scalar(self, schema: Any) -> str:
        random = self._random
        match schema["type"]:
            case "str":
                return self._text()
            case "int":
                return str(random.choice([random.randint(-9, 9), random.randint(-(2**70), 2**70)]))
            case "float":
                return self._number() if self._oddity is not None else repr(random.gauss(0, 99))
            case "bool":
                return random.choice(["true", "false"])
            case "none":
                return "null"
            case "literal":
                return json.dumps(random.choice(schema["expected"]))
            case "date":
                return f'"{self._day()}"'
            case "datetime":
                return self._time()
            case "any" | "function-plain":
                return random.choice([self._number(), self._text(), "[1]", '{"a":null}'])
            case _:
                return random.choice([*_ODD, self._number(), self._text(), self._time()])

    def _is_odd(self) -> bool:
        return self._oddity is not None and self._random.random() < self._oddity

    def _few(self) -> range:
        return range(self._random.choice([0, 1, 1, 2, 3]))

    def _text(self) -> str:
        text = "".join(self._random.choices(_CHARACTERS, k=self._random.randint(0, 5)))
        return json.dumps(text, ensure_ascii=self._random.random() < 0.5)

    def _number(self) -> str:
        random = self._random
        whole = str(random.randrange(10 ** random.choice([1, 3, 8, 17, 19, 20, 25])))
        digits = random.choice([0, 0, 1, 3, 9, 17, 25])
        fraction = "." + "".join(random.choices("0123456789", k=digits)) if digits else ""
        exponent = random.choice(["", "", "", "e5", "E-7", "e+22", "e-320", "e300", "E0"])
        return random.choice(["", "-"]) + whole + fraction + exponent

    def _day(self) -> str:
        return datetime.date.fromordinal(self._random.randint(1, 3_652_059)).isoformat()

    def _time(self) -> str:
        random = self._random
        if self._is_odd():
            return f'"{random.choice(_ODD_TIMES)}"'
        clock = f"{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}"
        if self._oddity is None:
            return f'"{self._day()}T{clock}Z"'
        fraction, zone = random.choice(_FRACTIONS), random.choice(_ZONES)
        return f'"{self._day()}{random.choice("TTTt _")}{clock}{fraction}{zone}"'

    def _object(self, fields: Any) -> str:
        pairs = []
        for name, field in fields.items():
            wire = field.get("validation_alias", name)
            optional = field["schema"]["type"] == "default" or field.get("required") is False
            if (optional and self._random.random() < 0.5) or self._is_odd():
                continue
            for _ in range(2 if self._is_odd() else 1):
                key = json.dumps(wire, ensure_ascii=False)
                if self._is_odd():
                    key = '"' + "".join(f"\\u{ord(each):04x}" for each in wire) + '"'
                pairs.append(key + ":" + self.of(field["schema"]))
        if self._oddity is not None and self._random.random() < 0.2:
            pairs.append(self._text() + ":" + self._random.choice(_ODD))
        self._random.shuffle(pairs)
        return self._listed(pairs, "{}")

    def _listed(self, texts: list[str], ends: str = "[]") -> str:
        return ends[0] + self._random.choice([",", ",", " ,\n"]).join(texts) + ends[1]
