"""Annotations of every kind that pydantic knows, as source text, and JSON values for them.

Drawn from a `Random`, as `tests.support.generated.json_texts` does and for the same reason.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.generated.annotation_leaves import LEAVES, PRELUDE

Sample = Callable[[Random], Any]  # a JSON value, more or less right for the annotation

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
            text = self.random.choice(list(LEAVES))
            values = json.loads(LEAVES[text])
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
