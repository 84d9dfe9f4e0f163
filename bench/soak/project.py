"""What the gateway serves in a soak: screens, writes that purge, and raw routes; over a service in
order, and one that is gone."""

from pathlib import Path

_FILES = {
    "gateway.yaml": """
defaults: {access: public, timeout: 600ms, deadline: 1500ms}
routes:
  /raw: {service: shop, strip: true}
  /live: {service: shop, strip: true, websocket: true}
  /gone: {service: gone, strip: true}
cors: {origins: ["https://soak.example"]}
""",
    "services/shop.yaml": """
base: SHOP
operations:
  item:
    request: GET /items/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:Item
  odd:
    request: GET /odd/{fault}/{id}
    params: {fault: {type: string}, id: {type: integer}}
    returns: schemas.shop:Item
  raise_version:
    request: PUT /items/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:Item
""",
    "services/gone.yaml": """
base: GONE
operations:
  item:
    request: GET /items/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:Item
""",
    "schemas/shop.py": '''
"""What the service answers."""

from pydantic import BaseModel


class Item(BaseModel):
    id: int
    name: str
    version: int
''',
    "compositions/screen.yaml": """
endpoint: GET /screens/{id}
params: {id: {type: integer}}
steps:
  one: {call: shop.item, with: {id: "${params.id}"}}
  two: {call: shop.item, with: {id: "${params.id}"}}
  more:
    call: shop.item
    for_each: {over: "${[one.id, two.id]}", as: each, max: 10}
    with: {id: "${each}"}
""",
    "compositions/cached.yaml": """
endpoint: GET /cached/{id}
params: {id: {type: integer}}
steps:
  item: {call: shop.item, with: {id: "${params.id}"}}
response: "${item}"
cache: {ttl: 5s, stale: 2s, stale_if_error: 5s, tags: ["item:${params.id}"]}
""",
    "compositions/raise.yaml": """
endpoint: PUT /cached/{id}
params: {id: {type: integer}}
steps:
  item: {call: shop.raise_version, with: {id: "${params.id}"}}
purges: ["item:${params.id}"]
""",
    "compositions/optional.yaml": """
endpoint: GET /optional/{fault}/{id}
params: {fault: {type: string}, id: {type: integer}}
steps:
  item: {call: shop.item, with: {id: "${params.id}"}}
  odd: {call: shop.odd, with: {fault: "${params.fault}", id: "${params.id}"}, on_failure: optional}
""",
    "compositions/required.yaml": """
endpoint: GET /required/{fault}/{id}
params: {fault: {type: string}, id: {type: integer}}
steps:
  item: {call: shop.item, with: {id: "${params.id}"}}
  odd: {call: shop.odd, with: {fault: "${params.fault}", id: "${params.id}"}}
""",
    "compositions/absent.yaml": """
endpoint: GET /absent/{id}
params: {id: {type: integer}}
steps:
  item: {call: shop.item, with: {id: "${params.id}"}}
  gone: {call: gone.item, with: {id: "${params.id}"}, on_failure: optional}
""",
}


def write_project(folder: Path, shop: str, gone: str) -> Path:
    """The project's folder, `folder` itself; `shop` and `gone` are addresses of services."""
    for path, text in _FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("SHOP", shop).replace("GONE", gone).lstrip("\n"))
    return folder
