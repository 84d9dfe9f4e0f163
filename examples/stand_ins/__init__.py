"""Services to cook with: small stand-ins that behave as the APIs that companies have.

`python -m examples.stand_ins` serves all of them at http://127.0.0.1:9210, each under
a path of its own; `docs/cookbook.md` builds on them, and its test runs every recipe against them.

    code_host.py   pages by Link with a total, ids with slashes, files in a tree
    payments.py    forms, expand[], lists by the id of the last element, a bearer token
    content.py     JSON:API, and OData
    queries.py     searches by POST, GraphQL with errors in 200, envelopes, look-ups of many keys
    guarded.py     API keys, basic and client credentials; who calls, and the caller's token
    pages.py       cursors, page numbers, offsets
    feeds.py       XML, CSV, NDJSON, and lists with a bad element
    shop.py        orders, carts and profiles that can be written; users and posts
    files.py       uploads, downloads, event streams

They hold what is written to them in memory, and answer a mistake as such services do.
"""

from flask import Flask

from examples.stand_ins import (
    code_host,
    content,
    feeds,
    files,
    guarded,
    pages,
    payments,
    queries,
    shop,
)

PORT = 9210

# What the stand-ins take for the gateway's own credentials, by the names that the recipes use.
SECRETS = {
    "PAYMENTS_TOKEN": payments.TOKEN,
    "MAPS_KEY": guarded.MAPS_KEY,
    "WEATHER_KEY": guarded.WEATHER_KEY,
    "LEGACY_PASSWORD": guarded.LEGACY_PASSWORD,
    "LEDGER_SECRET": guarded.LEDGER_SECRET,
    "ISSUER_SECRET": guarded.ISSUER_SECRET,
}


def create_app() -> Flask:
    """All stand-ins as one Flask application, with the data that they begin with."""
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for each in (code_host, payments, content, queries, guarded, pages, feeds, shop, files):
        app.register_blueprint(each.build())
    return app
