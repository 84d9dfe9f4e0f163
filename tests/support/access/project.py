"""The project of the access matrix: a payload, or the call that it takes, names whom it is for."""

from tests.support.gateway.websockets import ORIGIN
from tests.support.identity.tokens import AUDIENCE, ISSUER

_CACHE = "cache: {ttl: 5s, stale: 10h}"
_N = "params: {n: {type: string}}"
_STEP = "steps: {owner: {call: owners.get, with: {sub: '${claims.sub}', n: '${params.n}'}}}"
_VIEWS = "views: {brief: {response: {owner: {sub: '${owner.sub}'}}}}"
_MINE = f"{_N}\naccess: authenticated\n{_VIEWS}\n{_STEP}"
COMPOSITIONS = {
    "owner": f"endpoint: GET /owner/{{n}}\nfields: {{max: 3}}\n{_MINE}\n{_CACHE}",
    "created": f"endpoint: POST /owner/{{n}}\n{_MINE}",
    "queried": f"endpoint: QUERY /owner/{{n}}\n{_MINE}\n{_CACHE}",
    "told": f"""
        endpoint: GET /told/{{n}}
        access: authenticated
        {_N}
        steps: {{owner: {{call: owners.tell, with: {{n: '${{params.n}}'}}}}}}
        {_CACHE}
        """,
    "support": f"""
        endpoint: GET /support/{{n}}
        access: {{roles: {{any: [support]}}}}
        {_N}
        {_STEP}
        {_CACHE}
        """,
    "people": f"""
        endpoint: GET /people/{{sub}}/{{n}}
        access: {{when: '${{claims.sub == params.sub}}'}}
        params: {{n: {{type: string}}, sub: {{type: string}}}}
        {_STEP}
        {_CACHE}
        """,
    "open": f"""
        endpoint: GET /open/{{n}}
        access: public
        {_N}
        steps: {{owner: {{call: people.get, with: {{sub: everybody, n: '${{params.n}}'}}}}}}
        {_CACHE}
        """,
    "unstated": f"""
        endpoint: GET /unstated/{{n}}
        {_N}
        steps: {{owner: {{call: people.get, with: {{sub: everybody, n: '${{params.n}}'}}}}}}
        """,
}
_JWT = (
    f"{{issuer: '{ISSUER}', audience: ['{AUDIENCE}'], algorithms: [HS256],"
    " secret: '${secret.HS}'}"
)
GATEWAY = f"""
cors: {{origins: ["{ORIGIN}"]}}
identity:
  claims: schemas.owner:Claims
  jwt: [{_JWT}]
  api_keys: {{file: keys.json}}
  sessions:
    issuer: {{issuer}}
    client_id: shop
    client_secret: "${{secret.OIDC}}"
    public_url: http://127.0.0.1:8080
    keys: ["${{secret.SESSION_KEY}}"]
    redis: "${{env.SESSION_REDIS}}"
    idle: 11h
routes:
  /raw: {{service: owners, access: authenticated}}
  /unstated-raw: {{service: owners}}
  /live: {{service: owners, access: authenticated, websocket: true}}
"""
# `people` learns nothing of callers, so that what everybody may have is everybody's.
SERVICE = """
base: {url}
operations:
  get:
    request: GET /owner/{{n}}
    params: {{sub: {{type: string}}, n: {{type: string}}}}
    returns: schemas.owner:Owner
  tell:
    request: GET /told/{{n}}
    params: {{n: {{type: string}}}}
    returns: schemas.owner:Owner
"""
SERVICES = {
    "owners": SERVICE + 'caller_headers: {{X-User: "${{claims.sub}}"}}\n',
    "people": SERVICE,
}
SCHEMAS = """
from pydantic import BaseModel

class Claims(BaseModel):
    sub: str
    roles: list[str] = []

class Owner(BaseModel):
    sub: str | None
    n: str
"""
