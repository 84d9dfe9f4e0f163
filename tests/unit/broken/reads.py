"""`reads: true`, and the method QUERY."""

from tests.unit.broken import broken_composition, broken_operation

FIND = """  find:
    request: POST /find
    returns: schemas.shop:ProductPage
"""

ROWS = {
    "reads of a GET": broken_operation(
        """
  find:
    request: GET /find
    ▶reads: true
    returns: schemas.shop:ProductPage
""",
        "operations.find.reads: GET always reads. Leave `reads` out: it is for a POST that changes"
        " nothing.",
    ),
    "reads of a PUT": broken_operation(
        """
  find:
    request: PUT /find
    ▶reads: true
    returns: schemas.shop:ProductPage
""",
        "operations.find.reads: PUT always writes. Leave `reads` out: it is for a POST that changes"
        " nothing.",
    ),
    "reads that is a text": broken_operation(
        """
  find:
    request: POST /find
    reads: ▶yes
    cache: {ttl: 1s}
    returns: schemas.shop:ProductPage
""",
        "operations.find.reads: 'yes' is not true or false. YAML 1.2 has true and false alone for"
        " this, without quotes.",
    ),
    "cache of a POST": broken_operation(
        """
  find:
    request: POST /find
    ▶cache: {ttl: 1s}
    returns: schemas.shop:ProductPage
""",
        "operations.find.cache: POST writes, so its replies are never cached. Leave `cache` out, or"
        " declare `reads: true` where it changes nothing.",
    ),
    "POST called from what reads": broken_composition(
        """
endpoint: QUERY /screen
steps: {found: {call: ▶shop.find}}
""",
        "steps.found.call: shop.find writes, and this composition reads. Give the operation"
        " `reads: true` where it changes nothing. Else: Declare the endpoint with the method that"
        " it means: POST, PUT, PATCH or DELETE.",
        FIND,
    ),
    "reads of a composition with QUERY": broken_composition(
        """
endpoint: QUERY /screen
▶reads: true
steps: {user: {call: shop.get_user, with: {id: 1}}}
""",
        "reads: QUERY always reads. Leave `reads` out: it is for a POST that changes nothing.",
    ),
    "purges of a POST that reads": broken_composition(
        """
endpoint: POST /screen
reads: true
steps: {user: {call: shop.get_user, with: {id: 1}}}
▶purges: [users]
""",
        "purges: POST reads, so there is nothing to purge after it. Leave `purges` out.",
    ),
}
