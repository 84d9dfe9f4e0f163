"""`cors`: which pages may read replies, of the gateway and of an endpoint's own."""

from tests.unit.broken import Broken, broken_composition

_NO_ORIGIN = (
    "since no origin is listed. List the origins of your pages: cors: {origins:"
    " [https://shop.example]}."
)
_ANY = "would let any page read replies. Name each origin exactly."


def _cors(text: str, message: str) -> Broken:
    return Broken("gateway.yaml", text, message)


def _composition(cors: str, message: str) -> Broken:
    steps = "steps: {p: {call: shop.get_user, with: {id: 1}}}"
    text = f"endpoint: GET /\naccess: public\ncors: {{{cors}}}\n{steps}\n"
    return broken_composition(text, message)


def _route(cors: str, message: str) -> Broken:
    text = f"routes: {{/raw: {{service: shop, access: public, cors: {{{cors}}}}}}}"
    return Broken("gateway.yaml", text, f"routes./raw.cors.{message}")


ROWS = {
    "any page with credentials": _cors(
        "cors: {origins: [▶'*'], credentials: true}", f"cors.origins[0]: '*' {_ANY}"
    ),
    "credentials for no page": _cors(
        "cors: {credentials: ▶true}",
        f"cors.credentials: no page may bring credentials here, {_NO_ORIGIN}",
    ),
    "credentials that are no boolean": _cors(
        "cors: {origins: [https://a.b], credentials: ▶include}",
        "cors.credentials: 'include' is not true or false. YAML 1.2 has true and false alone for"
        " this, without quotes.",
    ),
    "an age without a unit": _cors(
        "cors: {origins: [https://a.b], max_age: ▶600}",
        "cors.max_age: a duration has a unit. Write 800ms, 1s, 5m or 1h.",
    ),
    "an age of more than a day": _cors(
        "cors: {origins: [https://a.b], max_age: ▶25h}",
        "cors.max_age: no browser keeps a preflight for more than 24h.",
    ),
    "a composition for any page": _composition("origins: [▶'*']", f"cors.origins[0]: '*' {_ANY}"),
    "a composition with credentials for no page": _composition(
        "credentials: ▶true",
        f"cors.credentials: no page may bring credentials here, {_NO_ORIGIN}",
    ),
    "a route for pages without an origin": _route(
        "origins: [▶'null']", f"origins[0]: 'null' {_ANY}"
    ),
    "a route with credentials for no page": _route(
        "credentials: ▶true",
        f"credentials: no page may bring credentials here, {_NO_ORIGIN}",
    ),
    "a route that exposes headers to no page": Broken(
        "gateway.yaml",
        """
cors: {origins: [https://a.b]}
routes: {/raw: {service: shop, access: public, cors: {origins: []}, expose: ▶[Link]}}
""",
        "routes./raw.expose: no page of another origin may read replies here, since none is listed."
        " List the origins of your pages: cors: {origins: [https://shop.example]}.",
    ),
}
