"""`errors`, `fail_when`, and the error replies of a step's `statuses`."""

from tests.unit.broken import broken_composition, broken_operation

SAVE = """  save:
    request: POST /save
    returns: schemas.shop:Order
    errors: {422: schemas.shop:Product}
"""


def _operation(key: str) -> str:
    return f"\n  save:\n    request: POST /save\n    returns: schemas.shop:Order\n    {key}\n"


def _statuses(statuses: str) -> str:
    return f"endpoint: POST /screen\nsteps: {{order: {{call: shop.save, statuses: {statuses}}}}}\n"


ROWS = {
    "error of a status that is no error": broken_operation(
        _operation("errors: {▶200: schemas.shop:Order}"),
        "operations.save.errors.200: '200' is no status whose body could be described here."
        " They are 300 to 599.",
    ),
    "error of an unknown type": broken_operation(
        _operation("errors: {422: ▶schemas.shop:Prodct}"),
        "operations.save.errors.422: schemas.shop has no 'Prodct'."
        " Known: Item, Order, OrderPage, Product, ProductPage, User. Did you mean 'Product'?",
    ),
    "error in XML that is no object": broken_operation(
        _operation("decode: xml\n    errors: {422: ▶'list[int]'}"),
        "operations.save.errors.422: xml gives an object, and this is list[integer]. Name a type"
        " that takes an object.",
    ),
    "error without a type": broken_operation(
        _operation("errors: {422: ▶null}"),
        "operations.save.errors.422: has no value. Give it a text, or leave the key out.",
    ),
    "errors in a list": broken_operation(
        _operation("errors: ▶[422]"),
        "operations.save.errors: a list is not a mapping of keys and values.",
    ),
    "fail_when without an expression": broken_operation(
        _operation("fail_when: ▶reply.error"),
        "operations.save.fail_when: this is no expression. Write ${reply.error} if it is meant as"
        " one.",
    ),
    "fail_when that is no condition": broken_operation(
        _operation("fail_when: ▶true"),
        "operations.save.fail_when: this is no condition."
        " Write ${reply.error}, or {when: '${reply.error}', status: 404}.",
    ),
    "fail_when that reads another root": broken_operation(
        _operation("fail_when: ${▶params.id}"),
        "operations.save.fail_when: unknown name 'params'. Known: reply.",
    ),
    "fail_when with text beside its expression": broken_operation(
        _operation("fail_when: ▶'${reply.error} is there'"),
        "operations.save.fail_when: one expression stands alone here, and this has more beside it."
        " Keep one ${…}; to join or compare, write it within: ${a == 'x'}.",
    ),
    "fail_when with a status that is no error": broken_operation(
        _operation("fail_when: {when: '${reply.error}', status: ▶200}"),
        "operations.save.fail_when.status: 200 is no status of an error."
        " Write one between 400 and 599 that HTTP knows: 404, 422, 503.",
    ),
    "fail_when without its condition": broken_operation(
        _operation("fail_when: ▶{status: 404}"),
        "operations.save.fail_when: needs the key 'when'.",
    ),
    "fail_when with a constant condition": broken_operation(
        _operation("fail_when: ▶${`true`}"),
        "operations.save.fail_when: this reads nothing of the reply, so it is always the same."
        " Name a field of the reply: ${reply.error}.",
    ),
    "reply with a status that is no error": broken_composition(
        _statuses("{422: {reply: ▶200}}"),
        "steps.order.statuses.422.reply: 200 is no status of an error."
        " Write one between 400 and 599 that HTTP knows: 404, 422, 503.",
        SAVE,
    ),
    "reply with a status that HTTP does not know": broken_composition(
        _statuses("{422: {reply: ▶499}}"),
        "steps.order.statuses.422.reply: 499 is no status of an error."
        " Write one between 400 and 599 that HTTP knows: 404, 422, 503.",
        SAVE,
    ),
    "reply with a text for a status": broken_composition(
        _statuses("{422: {reply: ▶'422'}}"),
        "steps.order.statuses.422.reply: this is no status."
        " Write one between 400 and 599 that HTTP knows: 404, 422, 503.",
        SAVE,
    ),
    "with that is without reply": broken_composition(
        _statuses("{422: ▶{with: {fields: '${error.title}'}}}"),
        "steps.order.statuses.422: needs the key 'reply'.",
        SAVE,
    ),
    "member of RFC 9457": broken_composition(
        _statuses("{422: {reply: 422, with: {▶detail: '${error.title}'}}}"),
        "steps.order.statuses.422.with.detail: 'detail' is a member that RFC 9457 gives its own"
        " meaning. Choose another name.",
        SAVE,
    ),
    "member of the gateway's own": broken_composition(
        _statuses("{422: {reply: 422, with: {▶steps: '${error.title}'}}}"),
        "steps.order.statuses.422.with.steps: 'steps' is a member that the gateway sets."
        " Choose another name.",
        SAVE,
    ),
    "member that is an expression": broken_composition(
        _statuses("{422: {reply: 422, with: {▶'${error.title}': 1}}}"),
        "steps.order.statuses.422.with.${error.title}: a key is never an expression."
        " Write the key out, or build the object in one expression.",
        SAVE,
    ),
    "error that has no such field": broken_composition(
        _statuses("{422: {reply: 422, with: {fields: '${error.▶titel}'}}}"),
        "steps.order.statuses.422.with.fields: Product has no field 'titel'."
        " Known: id, price, title. Did you mean 'title'?",
        SAVE,
    ),
    "error that no type describes": broken_composition(
        _statuses("{409: {reply: 409, with: {fields: ▶'${error.title}'}}}"),
        "steps.order.statuses.409.with.fields: shop.save describes no body of a 409."
        " Give it a type: errors: {409: schemas.…:…} of the operation.",
        SAVE,
    ),
    "error of a status that has no body": broken_composition(
        _statuses("{204: {reply: 409, with: {fields: ▶'${error.title}'}}}"),
        "steps.order.statuses.204.with.fields: shop.save describes no body of a 204."
        " Such a reply has none: leave `error` out.",
        SAVE,
    ),
    "error outside of an error reply": broken_composition(
        "endpoint: POST /screen\nsteps: {order: {call: shop.save}}\nresponse: ${▶error}\n",
        "response: unknown name 'error'. Known: claims, degraded, order, params.",
        SAVE,
    ),
    "step that is called error": broken_composition(
        "endpoint: GET /screen\nsteps: {▶error: {call: shop.get_user, with: {id: 1}}}\n",
        "steps.error: 'error' has a meaning of its own in expressions. Choose another name.",
    ),
    "step that is called reply": broken_composition(
        "endpoint: GET /screen\nsteps: {▶reply: {call: shop.get_user, with: {id: 1}}}\n",
        "steps.reply: 'reply' has a meaning of its own in expressions. Choose another name.",
    ),
}
