"""Names of the environment and of secrets: their form, and where they may stand."""

from tests.support.projects import HOME
from tests.unit.broken import Broken

_SERVICE = """
{lines}
operations:
  list_products:
    request: GET /products
    params:
      ids: {{type: array, items: {{type: integer}}}}
    returns: schemas.shop:ProductPage
"""
_ALTERNATIVE = (
    "this is neither a name of the environment nor a constant."
    " Write env.NAME, secret.NAME or 'a text'."
)
_DEFAULT = (
    "only `||` and a default may follow a name of the environment."
    " Write ${env.NAME || 'a default'}."
)
_QUOTED = 'a name ends here. A name with dashes or dots stands in quotes: env."a-b".'
_CONSTANT = "this constant is no text, number or boolean. Write a text in single quotes: 'a text'."
_ELSEWHERE = (
    "a secret can't stand here. Secrets belong to identity, and to headers, query, auth, tls and"
    " proxy of a service; use env.NAME for what may be seen."
)
_REQUESTS = (
    "the environment is read when a release is built, and requests evaluate this. Write the value"
    " itself; secrets belong to headers, query and auth of a service."
)
_COMPOSITION = (
    "a composition reads neither the environment nor secrets. Let the service's file send it:"
    " headers, query or auth in services/<name>.yaml."
)


def _service(lines: str, message: str) -> Broken:
    return Broken("services/shop.yaml", _SERVICE.format(lines=lines), message)


ROWS = {
    "name that is never closed": _service(
        'base: "▶${env.URL"', "base: the ${ here is never closed. Close it with }."
    ),
    "no default behind ||": _service('base: "${env.URL || ▶}"', f"base: {_ALTERNATIVE}"),
    "another operator": _service('base: "${env.URL ▶&& env.B}"', f"base: {_DEFAULT}"),
    "name with a dot": _service('base: "${env.URL▶.host}"', f"base: {_QUOTED}"),
    "name with a dash": _service("proxy: '${secret.a▶-b}'\nbase: http://h", f"proxy: {_QUOTED}"),
    "variable as in a shell": _service(
        "base: http://▶${HOST}",
        "base: 'HOST' names nothing that is read here."
        " A variable is ${env.HOST}, with a default ${env.HOST || 'text'}.",
    ),
    "variable as in a shell, with a default": _service(
        "base: '${env.URL || ''http://h''}'\ntimeout: ▶${TIMEOUT:-1s}",
        "timeout: 'TIMEOUT' names nothing that is read here."
        " A variable is ${env.TIMEOUT}, with a default ${env.TIMEOUT || 'text'}.",
    ),
    "no name": _service('base: "${▶env.}"', f"base: {_ALTERNATIVE}"),
    "path for a name": _service(
        "base: '${▶secret.\"../x\"}'",
        "base: this is no name of a variable or a secret. Use letters, digits, underscores, dashes"
        " and dots.",
    ),
    "list for a default": _service('base: "${env.URL || ▶`[]`}"', f"base: {_CONSTANT}"),
    "literal that is no JSON": _service('base: "${env.URL || ▶`{`}"', f"base: {_CONSTANT}"),
    "too many alternatives": _service(
        f'base: "${{env.A{" || env.A" * 15} ▶|| env.A}}"', "base: more than 16 alternatives."
    ),
    "secret in an address": _service('base: "http://${▶secret.HOST}"', f"base: {_ELSEWHERE}"),
    "secret in a timeout": _service(
        "base: http://shop\ntimeout: \"${▶secret.T || '1s'}\"", f"timeout: {_ELSEWHERE}"
    ),
    "password of a proxy in the file": _service(
        "base: http://shop\nproxy: ▶http://me:hunter2@proxy:1",
        "proxy: a password stands in the file."
        " Write ${secret.NAME} for it: http://user:${secret.NAME}@host:port.",
    ),
    "password of a proxy as a variable": _service(
        "base: http://shop\nproxy: ▶\"http://me:${env.PW || 'hunter2'}@proxy:1\"",
        "proxy: a password stands in the file."
        " Write ${secret.NAME} for it: http://user:${secret.NAME}@host:port.",
    ),
    "variable in a tag of replies": Broken(
        "services/shop.yaml",
        _SERVICE.format(lines="base: http://shop")
        + '    cache: {ttl: 1m, tags: ["a:▶${env.T}"]}\n',
        f"operations.list_products.cache.tags[0]: {_REQUESTS}",
    ),
    "variable in fail_when": Broken(
        "services/shop.yaml",
        _SERVICE.format(lines="base: http://shop") + '    fail_when: "▶${env.T}"\n',
        f"operations.list_products.fail_when: {_REQUESTS}",
    ),
    "secret in a purge": Broken(
        "gateway.yaml",
        'routes: {/raw: {service: shop, purges: ["a:▶${secret.T}"]}}',
        f"routes./raw.purges[0]: {_REQUESTS}",
    ),
    "secret in gateway.yaml": Broken(
        "gateway.yaml",
        'defaults: {deadline: "${▶secret.T}"}',
        f"defaults.deadline: {_ELSEWHERE}",
    ),
    "variable in a composition": Broken(
        "compositions/screen.yaml",
        HOME.replace("id: ${params.user_id}", 'id: "▶${env.ID}"'),
        f"steps.user.with.id: {_COMPOSITION}",
    ),
    "secret with a default in a composition": Broken(
        "compositions/screen.yaml",
        HOME + "response: {a: \"x ▶${secret.ID || 'a'}\"}\n",
        f"response.a: {_COMPOSITION}",
    ),
    "variable later in an expression": Broken(
        "compositions/screen.yaml",
        HOME.replace("${params.user_id}", "${params.user_id || ▶env.ID}"),
        "steps.user.with.id: unknown name 'env'. The environment is read where a service is"
        " described, not here. Known: claims, params.",
    ),
}
