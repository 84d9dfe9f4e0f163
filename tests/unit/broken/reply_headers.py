"""`reply_headers` of an operation, and `headers` in expressions."""

from tests.unit.broken import broken_composition, broken_operation

LIST = """  list:
    request: GET /list
    returns: list[schemas.shop:Product]
    reply_headers: {total: {name: X-Total-Count, type: integer}}
"""


def _headers(headers: str) -> str:
    return f"  it:\n    request: GET /it\n    returns: none\n    reply_headers: {headers}\n"


def _screen(step: str, response: str) -> str:
    ids = "params: {ids: {type: array, items: {type: integer}}}"
    calls = f"{{list: {{call: shop.list{step}}}}}"
    return f"endpoint: GET /\n{ids}\nsteps: {calls}\nresponse: {response}\n"


_OWN = "'${headers.list.total}'"
ROWS = {
    "header without its name": broken_operation(
        _headers("{total: ▶{type: integer}}"),
        "operations.it.reply_headers.total: needs the key 'name'.",
    ),
    "header of an unknown type": broken_operation(
        _headers("{total: {name: X-Total, type: ▶int}}"),
        "operations.it.reply_headers.total.type: 'int' means nothing here. Known: boolean, integer,"
        " number, string. Did you mean 'integer'?",
    ),
    "header whose name is none": broken_operation(
        _headers("{total: {name: ▶'X Total'}}"),
        "operations.it.reply_headers.total.name: 'X Total' is no header's name. Use letters, digits"
        " and dashes.",
    ),
    "header whose name is half of a character": broken_operation(
        _headers('{total: {name: ▶"\\ud83d"}}'),
        "operations.it.reply_headers.total.name: half of a surrogate pair. Write the character"
        " itself.",
    ),
    "header under a name that expressions can't use": broken_operation(
        _headers("{▶x-total: {name: X-Total}}"),
        "operations.it.reply_headers.x-total: 'x-total' is no name that expressions can use. Use"
        " letters, digits and underscores, and no digit first.",
    ),
    "cookie": broken_operation(
        _headers("{session: {name: ▶Set-Cookie}}"),
        "operations.it.reply_headers.session.name: Set-Cookie is for one caller, and replies are"
        " shared. Let a route pass it, or name another header.",
    ),
    "header of the connection": broken_operation(
        _headers("{length: {name: ▶Content-Length}}"),
        "operations.it.reply_headers.length.name: Content-Length is about the connection, not about"
        " the reply. Name another header.",
    ),
    "relation of what is no link": broken_operation(
        _headers("{next: {name: X-Next, ▶rel: next}}"),
        "operations.it.reply_headers.next.rel: X-Next has no relations. Write name: Link, or leave"
        " `rel` out.",
    ),
    "two relations": broken_operation(
        _headers("{next: {name: Link, rel: ▶next last}}"),
        "operations.it.reply_headers.next.rel: this is no relation. Write one: next, prev, last.",
    ),
    "link that is a number": broken_operation(
        _headers("{next: {name: Link, rel: next, ▶type: integer}}"),
        "operations.it.reply_headers.next.type: the target of a link is a text. Leave `type` out.",
    ),
    "header that the operation lacks": broken_composition(
        _screen("", "${headers.list.▶totl}"),
        "response: no field 'totl'. Known: total. Did you mean 'total'?",
        LIST,
    ),
    "headers of a step of many calls": broken_composition(
        _screen(", for_each: {over: '${params.ids}', as: n, max: 5}", "${headers.▶list.total}"),
        "response: 'list' has no headers here. A step has them that makes one call, of an operation"
        " with `reply_headers`. None is known here.",
        LIST,
    ),
    "headers of a step of pages": broken_composition(
        _screen(", paginate: {by: link, max_pages: 2, max_items: 9}", "${headers.▶list.total}"),
        "response: 'list' has no headers here. A step has them that makes one call, of an operation"
        " with `reply_headers`. None is known here.",
        LIST,
    ),
    "headers that nobody declares": broken_composition(
        "endpoint: GET /\nsteps: {u: {call: shop.get_user, with: {id: 1}}}\n"
        "response: ${▶headers.u.total}\n",
        "response: unknown name 'headers'. No operation that is called here declares"
        " `reply_headers`. Known: claims, degraded, params, u.",
    ),
    "step that waits for its own header": broken_composition(
        f"endpoint: GET /\nsteps: {{▶list: {{call: shop.list, when: {_OWN}}}}}\n",
        "steps.list: steps wait for each other: list → list. Break the circle: one of them must do"
        " without the next one's value.",
        LIST,
    ),
}
