"""`paginate`, and what fails alone in `for_each` and `batch`."""

from tests.unit.broken import Broken, broken_composition

LISTS = """  all:
    request: GET /all
    params:
      cursor: {type: string, required: false}
      page: {type: integer, minimum: 1, required: false}
      needed: {type: string}
    returns: schemas.shop:ProductPage
  some:
    request: GET /some
    params: {cursor: {type: string, required: false}, next: {type: integer, required: false}}
    returns: schemas.shop:ProductPage
  best:
    request: GET /best
    returns: list[schemas.shop:Product]
"""
BOUNDS = "max_pages: 5, max_items: 50"


def broken_pages(paginate: str, message: str, step: str = "call: shop.some") -> Broken:
    return broken_composition(
        f"endpoint: GET /screen\nsteps:\n  all:\n    {step}\n    {paginate}\n",
        f"steps.all.{message}",
        LISTS,
    )


ROWS = {
    "no bounds": broken_pages(
        "paginate: ▶{by: link, max_pages: 5}",
        "paginate: needs the key 'max_items'.",
        "call: shop.best",
    ),
    "no page at all": broken_pages(
        "paginate: {by: link, max_pages: ▶0, max_items: 5}",
        "paginate.max_pages: 0 is not at least 1.",
        "call: shop.best",
    ),
    "unknown way": broken_pages(
        f"paginate: {{by: ▶token, {BOUNDS}}}",
        "paginate.by: 'token' means nothing here. Known: cursor, link, offset, page.",
        "call: shop.best",
    ),
    "cursor without its place": broken_pages(
        f"▶paginate: {{by: cursor, param: cursor, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate: pages by cursor need `next`. Say where a reply has it: next:"
        ' "${reply.next_cursor}".',
    ),
    "offset without a size": broken_pages(
        f"▶paginate: {{by: offset, param: next, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate: pages by offset need `size`. Say how many items a full page has: size: 50.",
    ),
    "page without a param": broken_pages(
        f"▶paginate: {{by: page, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate: pages by page need `param`. Name the operation's param that takes its number:"
        " param: page.",
    ),
    "param beside a link": broken_pages(
        f"paginate: {{by: link, ▶param: page, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.param: `param` has no meaning for pages by link. Leave it out.",
    ),
    "unknown param": broken_pages(
        f"paginate: {{by: page, param: ▶pge, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.param: shop.some has no param 'pge'. Known: cursor, next.",
    ),
    "param that is bound too": broken_pages(
        f"paginate: {{by: page, param: next, items: '${{reply.products}}', {BOUNDS}}}",
        "with.next: `paginate` gives 'next' its values. Leave it out here.",
        "call: shop.some\n    with: {▶next: 1}",
    ),
    "cursor that is required": broken_pages(
        "paginate: {by: cursor, param: ▶needed, next: '${reply.products[0].title}',"
        f" items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.param: 'needed' is required, and the first call has no cursor. Make it optional"
        " in the service's file: required: false.",
        "call: shop.all",
    ),
    "cursor of another type": broken_pages(
        "paginate: {by: cursor, param: cursor, next: ▶'${reply.products[0].id}',"
        f" items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.next: integer does not fit the param 'cursor', which takes string.",
    ),
    "number for a text": broken_pages(
        f"paginate: {{by: page, param: ▶cursor, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.param: 'cursor' takes string, no integer. Name the param that takes the number.",
    ),
    "first number out of range": broken_pages(
        f"paginate: {{by: page, param: ▶page, first: 0, items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.param: 'page' must be at least 1, and the first call sends 0.",
        "call: shop.all\n    with: {needed: x}",
    ),
    "reply that is no list": broken_pages(
        f"paginate: ▶{{by: link, {BOUNDS}}}",
        "paginate: pages are joined to one list, and this is ProductPage. Say which list of a"
        ' reply is meant: items: "${reply.items}".',
    ),
    "items that are no list": broken_pages(
        f"paginate: {{by: link, items: ▶'${{reply.products[0]}}', {BOUNDS}}}",
        "paginate.items: pages are joined to one list, and this is Product. Say which list"
        ' of a reply is meant: items: "${reply.items}".',
    ),
    "items of a step": broken_pages(
        f"paginate: {{by: link, items: '${{▶all.products}}', {BOUNDS}}}",
        "paginate.items: unknown name 'all'. Known: reply.",
    ),
    "items without braces": broken_pages(
        f"paginate: {{by: link, items: ▶reply.products, {BOUNDS}}}",
        "paginate.items: this is no expression. Write ${reply.products} if it is meant as one.",
    ),
    "pages of a write": broken_composition(
        f"""
endpoint: POST /screen
steps:
  made:
    call: shop.create_order
    with: {{user_id: 1}}
    ▶paginate: {{by: link, items: '${{reply.items}}', {BOUNDS}}}
""",
        "steps.made.paginate: shop.create_order writes, and pages are read. Leave it out.",
    ),
    "pages and elements": broken_pages(
        f"for_each: {{over: '${{[`1`]}}', as: n, max: 2}}\n    ▶paginate: {{by: link, {BOUNDS}}}",
        "paginate: a step has `for_each` or `paginate`, not both. Keep one.",
        "call: shop.best",
    ),
    "link that is no text": broken_pages(
        "paginate: {by: link, next: ▶'${reply.products[0].id}',"
        f" items: '${{reply.products}}', {BOUNDS}}}",
        "paginate.next: a link is a text, and this is integer. Name the field that has the next"
        " page's address.",
    ),
    "element that is stale": broken_pages(
        "for_each: {over: '${[`1`]}', as: n, max: 2, on_failure: ▶stale}",
        "for_each.on_failure: 'stale' means nothing here. Known: fail, optional.",
    ),
}
