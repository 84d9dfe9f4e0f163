"""Names on the wire, styles, constant queries, forms and bodies."""

from tests.unit.broken import Broken, broken_composition, broken_operation


def _param(params: str, message: str, request: str = "POST /x") -> Broken:
    """An operation with these params; `message` follows the path of the params."""
    return broken_operation(
        f"  send:\n    request: {request}\n    params: {{{params}}}\n"
        "    returns: schemas.shop:ProductPage",
        f"operations.send.params.{message}",
    )


def _request(request: str, what: str) -> Broken:
    return broken_operation(
        f"  send:\n    request: ▶{request}\n    returns: schemas.shop:ProductPage",
        f"operations.send.request: {what}",
    )


ROWS = {
    "view that has the name of fields": broken_composition(
        "endpoint: GET /screen\nviews: {▶fields: [user.id]}\nfields: {max: 3}\n"
        "steps: {user: {call: shop.get_user, with: {id: 1}}}",
        "views.fields: metrics and the log call requests that name fields the view 'fields'. Give"
        " the view another name.",
    ),
    "name of a param in the path": _param(
        "id: {type: integer, ▶name: the-id}",
        "id.name: 'id' is in the path, which has no names on the wire. Leave `name` out.",
        "GET /x/{id}",
    ),
    "empty name": _param(
        "q: {type: string, name: ▶''}",
        "q.name: this is no name on the wire. Use 1 to 200 characters, and no control characters.",
    ),
    "name with a line break": _param(
        'q: {type: string, name: ▶"a\\nb"}',
        "q.name: this is no name on the wire. Use 1 to 200 characters, and no control characters.",
    ),
    "key that is the name on the wire": _param(
        "▶page[size]: {in: query, type: integer}".replace("page[size]", "'page[size]'"),
        "page[size]: 'page[size]' is no name that expressions can use. Use letters, digits and"
        " underscores, and no digit first. The name on the wire stands beside it: name:"
        " 'page[size]'.",
    ),
    "name that another has": _param(
        "a: {in: query, type: string, name: q}, b: {in: query, type: string, name: ▶q}",
        "b.name: 'a' has the name 'q' in the query already. Give one of them another `name`.",
    ),
    "name that is another's key": _param(
        "a: {type: string, name: b}, ▶b: {type: string}",
        "b: 'a' has the name 'b' in the body already. Give one of them another `name`.",
    ),
    "name that is no header's": _param(
        "a: {in: header, type: string, name: ▶'x y'}", "a.name: 'x y' is no header's name."
    ),
    "header twice by its names": _param(
        "a: {in: header, type: string, name: X-A}, b: {in: header, type: string, name: ▶x-a}",
        "b.name: 'x-a' is the header 'X-A' again.",
    ),
    "header that is the gateway's own": _param(
        "a: {in: header, type: string, name: ▶Content-Type}",
        "a.name: the header 'Content-Type' is the gateway's own to set. Leave it out.",
    ),
    "header that never comes": broken_composition(
        """
endpoint: GET /screen
params: {tenant: {in: header, type: string, name: ▶X_Tenant}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "params.tenant.name: no header with an underscore gets in, so 'X_Tenant' never comes."
        " A header's param has the header's own name: X-Tenant.",
    ),
    "name that is reserved": broken_composition(
        """
endpoint: GET /screen
params: {▶kind: {type: string, name: view}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "params.kind: 'view' is reserved for a view. Give the param another name.",
    ),
    "name that the constant query has": _param(
        "▶version: {in: query, type: integer, name: api-version}",
        "version: the request's own query has 'api-version' already. Leave one of them out.",
        "GET /x?api-version=2",
    ),
    "param in the constant query": _request(
        "GET /x?q={q}",
        "'q={q}' in the query is no constant. Declare a param for it: in: query, and `name` where"
        " its name is another.",
    ),
    "nothing behind the question mark": _request(
        "GET /x?", "'' is no part of a query. Write name=value, and & between two of them."
    ),
    "blank in the constant query": _request(
        "GET /x?a=b c",
        "'a=b c' is no part of a query. Write name=value, and & between two of them.",
    ),
    "unknown style": _param(
        "q: {in: query, type: array, items: {type: string}, style: ▶csv}",
        "q.style: 'csv' means nothing here. Known: comma, deep_object, pipe, repeat, space.",
    ),
    "style in a body": _param(
        "q: {type: array, items: {type: string}, ▶style: pipe}",
        "q.style: a list in the body has a form of its own. Leave `style` out: it is for a query"
        " and a form.",
    ),
    "style in a path": _param(
        "id: {type: array, items: {type: string}, ▶style: space}",
        "id.style: a list in the path has a form of its own. Leave `style` out: it is for a query"
        " and a form.",
        "GET /x/{id}",
    ),
    "object of a list": _param(
        "q: {in: query, type: array, items: {type: string}, style: ▶deep_object}",
        "q.style: deep_object is the form of an object, and this is a list. Write repeat, comma,"
        " space or pipe; an object has a `schema`.",
    ),
    "schema in a query": _param(
        "q: {in: query, schema: ▶'schemas.shop:Item'}",
        "q.schema: a schema describes JSON, and 'q' is in the query. Add `in: body` or `style:"
        " deep_object`, or give it a type.",
    ),
    "object with a list of objects": _param(
        "q: {in: query, schema: ▶'schemas.shop:Order', style: deep_object}",
        "q.schema: its field items is list[Item], which has no form here. A query and a form hold"
        " texts by name: use fields of one type, and lists of these.",
    ),
    "object that a client can not write": broken_composition(
        """
endpoint: GET /screen
params: {q: {schema: ▶'schemas.shop:Order', style: deep_object}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "params.q.schema: its field items is list[Item], which a text can't tell apart. A query and"
        " a form hold texts by name: use fields of one type, and lists of these.",
    ),
    "object that is a list": _param(
        "q: {in: query, schema: ▶'list[schemas.shop:Item]', style: deep_object}",
        "q.schema: list[Item] is no object with fields. A query and a form hold texts by name: use"
        " fields of one type, and lists of these.",
    ),
    "field of an object declared beside it": _param(
        "q: {in: query, schema: 'schemas.shop:Item', style: deep_object},"
        " n: {in: query, type: integer, name: ▶'q[n]'}",
        "n.name: 'q[n]' is a field of the object 'q'. Declare it in the object's schema, or give"
        " one of them another `name`.",
    ),
    "form of a GET": _param(
        "▶q: {in: form, type: string}",
        "q: 'q' is in the form, and GET has none. Use in: query, or another method.",
        "GET /x",
    ),
    "form beside JSON": _param(
        "a: {type: string}, ▶b: {in: form, type: string}",
        "b: 'b' is in the form, and 'a' in the body. A request has one body: JSON by `in: body`, or"
        " a form by `in: form`.",
    ),
    "whole that is in no body": _param(
        "q: {in: query, type: string, ▶whole: true}",
        "q.whole: 'q' is in the query, and `whole` is for a body. Add `in: body`, or leave `whole`"
        " out.",
    ),
    "name of a whole body": _param(
        "q: {type: string, whole: true, ▶name: x}",
        "q.name: a whole body has no name. Leave `name` out.",
    ),
    "field beside the whole": _param(
        "▶a: {type: string}, b: {type: string, whole: true}",
        "a: 'a' is in the body, and 'b' is the whole of it. Leave one of them out, or declare the"
        " field in the schema of 'b'.",
    ),
    "rest in the middle of a path": broken_composition(
        """
endpoint: ▶GET /files/{path...}/meta
params: {path: {type: string}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "endpoint: '{path...}' is the rest of the path, and more stands behind it. Put it at the"
        " end.",
    ),
    "rest within a segment": broken_composition(
        """
endpoint: ▶GET /files/a{path...}
params: {path: {type: string}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "endpoint: 'a{path...}' is no segment of a path. Write a param as {name}; a composition's"
        " is a segment of its own.",
    ),
    "rest that is no text": broken_composition(
        """
endpoint: GET /files/{path...}
params: {path: {type: ▶array, items: {type: string}}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "params.path.type: the rest of a path is a text, and this is array. Write type: string.",
    ),
    "rest of a request": broken_operation(
        """
  send:
    request: ▶GET /files/{path...}
    params: {path: {type: string}}
    returns: schemas.shop:ProductPage
""",
        "operations.send.request: '{path...}' is for the endpoint of a composition. Write {path},"
        " and `slash: true` at the param.",
    ),
    "content type that is none": broken_operation(
        """
  send:
    request: POST /x
    params: {q: {type: string}}
    content_type: ▶json
    returns: schemas.shop:ProductPage
""",
        "operations.send.content_type: this is no media type. Write type/subtype:"
        " application/vnd.api+json.",
    ),
    "content type in another charset": broken_operation(
        """
  send:
    request: POST /x
    params: {q: {type: string, whole: true}}
    content_type: ▶text/plain; charset=latin-1
    returns: schemas.shop:ProductPage
""",
        "operations.send.content_type: bodies are UTF-8, not latin-1. Leave the charset out.",
    ),
    "content type of a form": broken_operation(
        """
  send:
    request: POST /x
    params: {q: {in: form, type: string}}
    ▶content_type: application/json
    returns: schemas.shop:ProductPage
""",
        "operations.send.content_type: a form is always application/x-www-form-urlencoded. Leave"
        " `content_type` out.",
    ),
    "content type of a form for JSON": broken_operation(
        """
  send:
    request: POST /x
    params: {q: {type: string}}
    content_type: ▶application/x-www-form-urlencoded
    returns: schemas.shop:ProductPage
""",
        "operations.send.content_type: what is `in: body` is JSON, and no form. Write `in: form` at"
        " the params.",
    ),
    "content type of parts": broken_composition(
        """
endpoint: POST /screen
content_type: ▶multipart/form-data
params: {q: {type: string}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "content_type: no param is a part of a multipart body. Let a route pass such bodies.",
    ),
    "content type of nothing": broken_composition(
        """
endpoint: POST /screen
▶content_type: application/vnd.api+json
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "content_type: no param is in the body, so nothing has this type. Leave it out, or declare"
        " a param with `in: body`.",
    ),
}
