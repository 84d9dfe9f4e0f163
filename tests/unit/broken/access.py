"""`access`: who may call an endpoint; and what `identity` states of claims."""

from tests.unit.broken import Broken, broken_composition

_BODY = "steps: {p: {call: shop.list_products, with: {ids: [1]}}}\n"
_FORMS = (
    "Write public (anyone may call it), authenticated, or what the caller has to be:"
    " {roles: {any: [support]}}."
)
_COMPARE = "Compare it: ${claims.plan == 'gold'}; or ask whether it is there: ${!!claims.plan}."


def _access(declared: str, message: str) -> Broken:
    text = f"endpoint: GET /a\naccess: {declared}\n{_BODY}"
    return broken_composition(text, f"access{message}")


def _when(condition: str, message: str) -> Broken:
    quoted = f'▶"{condition[1:]}"' if condition[0] == "▶" else f'"{condition}"'
    text = (
        "endpoint: POST /a/{user_id}\n"
        f"access: {{when: {quoted}}}\n"
        "params:\n"
        "  user_id: {type: string}\n"
        "  tenant: {in: query, type: string, required: false}\n"
        "  note: {type: string}\n"
        "  ip: {in: header, name: X-Forwarded-For, type: string}\n"
        f"{_BODY}"
    )
    return broken_composition(text, f"access.when: {message}")


def _identity(declared: str, message: str) -> Broken:
    return Broken("gateway.yaml", f"identity: {{{declared}}}\n", f"identity.{message}")


ROWS = {
    "word that is none": _access(
        "▶members", f": this is no access that an endpoint can have. {_FORMS}"
    ),
    "list": _access("▶[support]", f": this is no access that an endpoint can have. {_FORMS}"),
    "nothing": broken_composition(
        f"endpoint: GET /a\n▶access: {{}}\n{_BODY}",
        "access: states nothing."
        " Write public, authenticated, or what the caller has to be: {roles: {any: [support]}}.",
    ),
    "unknown key": _access(
        "{▶role: {any: [a]}}",
        ".role: unknown key 'role'. Known: roles, scopes, when. Did you mean 'roles'?",
    ),
    "roles without any or all": _access(
        "{roles: ▶[support]}",
        ".roles: a list does not say whether one of them is enough."
        " Write {any: […]}, or {all: […]} where it takes each of them.",
    ),
    "no role": _access(
        "{▶roles: {any: []}}", ".roles: names no roles. Name roles, or leave `roles` out."
    ),
    "role twice": _access(
        "{roles: {any: [a, b, ▶a]}}", ".roles.any[2]: 'a' is listed twice. Keep one."
    ),
    "role of all among any": _access(
        "{roles: {any: [▶a, b], all: [a]}}",
        ".roles.any[0]: every caller has 'a', by `all`. Keep it in one of them.",
    ),
    "scope of two words": _access(
        "{scopes: {all: [▶'orders read']}}",
        ".scopes.all[0]: this is no scope. One word of visible ASCII characters.",
    ),
    "condition without braces": _access(
        "{when: ▶claims.vip}",
        ".when: this is no expression. Write ${claims.vip} if it is meant as one.",
    ),
    "condition among other characters": _when(
        "▶is ${claims.vip}",
        "one expression stands alone here, and this has more beside it."
        " Keep one ${…}; to join or compare, write it within: ${a == 'x'}.",
    ),
    "param of the body": _when(
        "▶${claims.sub && claims.sub == params.note}",
        "'note' is in the body, which is read once it is known who may call."
        " Decide by claims and by params in the path, the query and headers.",
    ),
    "header that a proxy writes, or anybody": _when(
        "▶${params.ip == '10.0.0.1'}",
        "whoever sends the header 'x-forwarded-for' chooses what it says. Decide by claims, which"
        " a credential proves.",
    ),
    "all params, where one is in the body": _when(
        "▶${length(params) > `1`}",
        "'note' is in the body, which is read once it is known who may call."
        " Decide by claims and by params in the path, the query and headers.",
    ),
    "claim and param that may both be absent": _when(
        "${▶claims.tenant == params.tenant}",
        "'claims.tenant' may be null here, and what is null equals what is null."
        " Ask for it first: claims.tenant && …; or declare that it is always there.",
    ),
    "param that may be absent": _when(
        "${claims.tenant && claims.tenant == ▶params.tenant}",
        "'params.tenant' may be null here, and what is null equals what is null."
        " Ask for it first: params.tenant && …; or declare that it is always there.",
    ),
    "value without a name that may be absent": _when(
        "${▶claims.tenants[0] == params.user_id}",
        "'claims.tenants[0]' may be null here, and what is null equals what is null."
        " Ask for it first: let $it = claims.tenants[0] in $it && $it == …;"
        " or declare that it is always there.",
    ),
    "claim that is unequal where it is absent": _when(
        "${▶claims.plan != 'free'}",
        "'claims.plan' may be null here, and what is null equals what is null."
        " Ask for it first: claims.plan && …; or declare that it is always there.",
    ),
    "lists in which both may be absent": _when(
        "${▶[claims.tenant] == [params.tenant]}",
        "'[claims.tenant]' may hold null here, and what is null equals what is null."
        " Compare the values that are in it, each by itself.",
    ),
    "text of a claim that may be absent": _when(
        "${to_string(▶claims.tenant) == params.user_id}",
        "'claims.tenant' may be null here, and to_string() makes a text of it."
        " Ask for it first: claims.tenant && …; or declare that it is always there.",
    ),
    "list in which a param is looked for that may be absent": _when(
        "${contains(claims.tenants, ▶params.tenant)}",
        "'params.tenant' may be null here, and contains() finds null where null is."
        " Ask for it first: params.tenant && …; or declare that it is always there.",
    ),
    "comparison of a value with itself": _when(
        "${▶claims.sub == claims.sub}",
        "this compares a value with itself."
        " Compare it with another: ${claims.sub == params.user_id}.",
    ),
    "condition that reads nothing": _when(
        "▶${`true`}",
        "this reads nothing of the request, so it is always the same."
        " Name a claim: ${claims.plan == 'gold'}; or leave `when` out.",
    ),
    "condition that is always true": _when(
        "${▶claims.sub == `null` || claims.sub != `null`}",
        "this is always true, so it keeps nobody out. Leave `when` out: access: authenticated.",
    ),
    "condition that is a text": _when(
        "${▶params.user_id}",
        f"nothing but true admits, and this is string: nobody may. {_COMPARE}",
    ),
    "condition that holds never": _when(
        "${▶claims.a && claims.a == 'x' && claims.a == 'y'}",
        "this is never true, so nobody may call this."
        " Mend the condition; where nobody is meant, leave the endpoint out.",
    ),
    "param in the condition of a route": Broken(
        "gateway.yaml",
        'routes: {/raw: {service: shop, access: {when: "${▶params.id == claims.sub}"}}}\n',
        "routes./raw.access.when: unknown name 'params'. Known: claims.",
    ),
    "param in the condition of the defaults": Broken(
        "gateway.yaml",
        'defaults: {access: {when: "${▶params.id == claims.sub}"}}\n',
        "defaults.access.when: unknown name 'params'. Known: claims.",
    ),
    "type of claims that is not there": _identity(
        "claims: ▶schemas.shop:Claims",
        "claims: schemas.shop has no 'Claims'."
        " Known: Item, Order, OrderPage, Product, ProductPage, User.",
    ),
    "type of claims that is no object": _identity(
        "claims: ▶'list[schemas.shop:User]'",
        "claims: claims are an object, and this is list[User]."
        " Name a model with a field for each claim.",
    ),
    "roles that are no list": _identity(
        "claims: 'schemas.shop:User', roles: ▶'${claims.role}'",
        'roles: a list of texts is wanted here, and this is "admin" | "customer".'
        " Split a text with blanks: ${split(claims.scope, ' ')}.",
    ),
    "scopes of a claim that is not there": _identity(
        "claims: 'schemas.shop:User', scopes: '${claims.▶scp}'",
        "scopes: User has no field 'scp'. Known: born, firstName, id, last_name, role.",
    ),
}
