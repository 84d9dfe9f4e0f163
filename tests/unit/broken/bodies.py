"""`returns`, `decode` and `delimiter` of an operation."""

from tests.unit.broken import broken_operation

_FORM = (
    "Write module and name, as in schemas.orders:Order, or a type of such:"
    " list[schemas.orders:Order], dict[str, int], Any."
)


def _operation(keys: str) -> str:
    return f"  it:\n    request: GET /it\n    {keys}\n"


ROWS = {
    "type that has no name": broken_operation(
        _operation("returns: ▶list[strng]"),
        "operations.it.returns: unknown type 'strng'. Known: Base64Str, EmailStr, FtpUrl, Json,"
        " PositiveInt, PostgresDsn, SecretStr, StrictBool, StrictBytes, StrictFloat, StrictInt,"
        " StrictStr, list, set, str and 71 more. Did you mean 'str'?",
    ),
    "type that isn't whole": broken_operation(
        _operation("returns: ▶'dict[str, int'"),
        f"operations.it.returns: 'dict[str, int' names no schema. {_FORM}",
    ),
    "none within a type": broken_operation(
        _operation("returns: ▶list[none]"),
        "operations.it.returns: unknown type 'none'. Known: AnyWebsocketUrl, IPvAnyInterface,"
        " IPvAnyNetwork, Json, JsonValue, MongoDsn, NatsDsn, NonNegativeFloat, NonNegativeInt,"
        " NonPositiveFloat, NonPositiveInt, None, Optional, SnowflakeDsn, Union and 71 more."
        " Did you mean 'None'?",
    ),
    "types of a type that takes none": broken_operation(
        _operation("returns: ▶'int[str]'"),
        "operations.it.returns: int[…] is no type. Write int alone, or the types that it takes.",
    ),
    "code for a type": broken_operation(
        _operation("""returns: ▶'list["print()"]'"""),
        f"""operations.it.returns: 'list["print()"]' names no schema. {_FORM}""",
    ),
    "null for none": broken_operation(
        _operation("returns: ▶null"),
        "operations.it.returns: has no value. Give it a text, or leave the key out.",
    ),
    "unknown decoding": broken_operation(
        _operation("returns: Any\n    decode: ▶yaml"),
        "operations.it.decode: 'yaml' means nothing here. Known: csv, json, ndjson, text, xml.",
    ),
    "decoding of what nobody reads": broken_operation(
        _operation("returns: none\n    ▶decode: csv"),
        "operations.it.decode: nobody reads a body that is `none`. Leave `decode` out, or name a"
        " type.",
    ),
    "rows that are no objects": broken_operation(
        _operation("returns: ▶list[int]\n    decode: csv"),
        "operations.it.returns: csv gives a list of objects of texts, and this is list[integer]."
        " Name a type that takes a list of objects of texts.",
    ),
    "rows with a list in them": broken_operation(
        _operation("returns: ▶list[schemas.shop:Order]\n    decode: csv"),
        "operations.it.returns: csv gives a list of objects of texts, and this is list[Order]. Name"
        " a type that takes a list of objects of texts.",
    ),
    "delimiter of what is no csv": broken_operation(
        _operation("returns: Any\n    ▶delimiter: ';'"),
        "operations.it.delimiter: only csv has a delimiter. Write decode: csv, or leave"
        " `delimiter` out.",
    ),
    "delimiter of two characters": broken_operation(
        _operation("returns: Any\n    decode: csv\n    delimiter: ▶', '"),
        'operations.it.delimiter: a delimiter is one character. Write ";", "|" or "\\t".',
    ),
    "delimiter that quotes": broken_operation(
        _operation("returns: Any\n    decode: csv\n    delimiter: ▶'\"'"),
        'operations.it.delimiter: a delimiter is one character. Write ";", "|" or "\\t".',
    ),
    "dropping where there is no list": broken_operation(
        _operation("returns: schemas.shop:User\n    ▶invalid: drop"),
        "operations.it.invalid: schemas.shop:User has no list whose elements could be left out."
        " Leave `invalid` out.",
    ),
    "dropping of what nobody reads": broken_operation(
        _operation("returns: none\n    ▶invalid: drop"),
        "operations.it.invalid: nobody reads a body that is `none`. Leave `invalid` out, or name a"
        " type.",
    ),
    "another way with what is wrong": broken_operation(
        _operation("returns: list[int]\n    invalid: ▶omit"),
        "operations.it.invalid: 'omit' means nothing here. Known: drop, fail.",
    ),
    "csv for an object": broken_operation(
        _operation("returns: ▶schemas.shop:User\n    decode: csv"),
        "operations.it.returns: csv gives a list of objects of texts, and this is User. Name a"
        " type that takes a list of objects of texts.",
    ),
    "lines for a text": broken_operation(
        _operation("returns: ▶str\n    decode: ndjson"),
        "operations.it.returns: ndjson gives a list, and this is string. Name a type that takes a"
        " list.",
    ),
    "xml for a list": broken_operation(
        _operation("returns: ▶list[schemas.shop:User]\n    decode: xml"),
        "operations.it.returns: xml gives an object, and this is list[User]. Name a type that"
        " takes an object.",
    ),
    "text for an object": broken_operation(
        _operation("returns: ▶schemas.shop:User\n    decode: text"),
        "operations.it.returns: text gives a text, and this is User. Name a type that takes a"
        " text.",
    ),
}
