"""The request that `bff call` makes of the words of a command line."""

import json

import pytest

from bff.cli.calling.requests import ScreenCall, WrongCall, screen_call
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import Composition
from tests.support.projects import SHOP_SCHEMAS, write_project

FILTER = """

class Price(BaseModel):
    least: int | None = None


class Filter(BaseModel):
    state: str | None = None
    price: Price | None = None
    sizes: list[int] = []
"""
READ = """
endpoint: GET /find/{shop}/{rest...}
params:
  rest: {type: string}
  shop: {type: string}
  size: {type: integer, name: "page[size]", required: false}
  ids: {type: array, items: {type: integer}, required: false}
  tags: {type: array, items: {type: string}, style: pipe, required: false}
  filter: {schema: schemas.shop:Filter, style: deep_object, required: false}
  X-Tenant: {in: header, type: string, required: false}
steps: {user: {call: shop.get_user, with: {id: 1}}}
views: {small: [user.id]}
"""
WRITE = """
endpoint: PATCH /users/{id}
params:
  id: {type: integer}
  first_name: {type: string, required: false}
  age: {type: integer, name: "age-in-years", required: false}
  price: {schema: schemas.shop:Price, required: false}
  prices: {schema: "list[schemas.shop:Price]", required: false}
  anything: {schema: Any, required: false}
  dry: {in: query, type: boolean, default: false}
steps: {user: {call: shop.get_user, with: {id: "${params.id}"}}}
"""
FORM = """
endpoint: POST /pay
params:
  amount: {in: form, type: integer}
  expand: {in: form, type: array, items: {type: string}, name: "expand[]"}
steps: {user: {call: shop.get_user, with: {id: 1}}}
"""
WHOLE = """
endpoint: PUT /order
params: {order: {in: body, whole: true, schema: schemas.shop:Order}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
"""
KEYED = """
endpoint: POST /keyed
params: {Idempotency-Key: {in: header, type: string}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
"""
NOTE = """
endpoint: PUT /note
params: {note: {in: body, whole: true, type: string}}
steps: {user: {call: shop.get_user, with: {id: 1}}}
"""
SOURCES = {"find": READ, "write": WRITE, "pay": FORM, "order": WHOLE, "note": NOTE, "keyed": KEYED}


@pytest.fixture(scope="module")
def compositions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Composition]:
    folder = tmp_path_factory.mktemp("shop")
    write_project(folder, SOURCES, schemas={"shop": SHOP_SCHEMAS + FILTER})
    return {each.name: each for each in compile_project(folder).compositions}


def made(composition: Composition, *words: str, view: str | None = None) -> ScreenCall:
    pairs = [word.partition("=") for word in words]
    return screen_call(composition, [(name, text) for name, _, text in pairs], [], view)


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["shop=a/b c", "rest=d/e f%2Fg"], "/find/a%2Fb%20c/d/e%20f%2Fg"),
        (["shop=a", "rest=b", "size=5"], "/find/a/b?page%5Bsize%5D=5"),
        (["shop=a", "rest=b", "page[size]=5"], "/find/a/b?page%5Bsize%5D=5"),
        (["shop=a", "rest=b", "ids=1", "ids=2"], "/find/a/b?ids=1&ids=2"),
        (["shop=a", "rest=b", "tags=x y", "tags=z"], "/find/a/b?tags=x%20y%7Cz"),
        (
            ["shop=a", "rest=b", 'filter={"state": "a&b", "price": {"least": 3}, "sizes": [1, 2]}'],
            "/find/a/b?filter%5Bstate%5D=a%26b&filter%5Bprice%5D%5Bleast%5D=3"
            "&filter%5Bsizes%5D=1&filter%5Bsizes%5D=2",
        ),
        (
            ["shop=a", "rest=b", "filter[state]=open", "filter[price][least]=3",
             "filter[sizes]=1", "filter[sizes]=2"],
            "/find/a/b?filter%5Bstate%5D=open&filter%5Bprice%5D%5Bleast%5D=3"
            "&filter%5Bsizes%5D=1&filter%5Bsizes%5D=2",
        ),
    ],
)  # fmt: skip
def test_param_stands_in_the_target_as_it_is_declared(
    compositions: dict[str, Composition], words: list[str], target: str
) -> None:
    assert made(compositions["find"], *words).target == target


def test_param_of_a_header_and_headers_of_the_caller_go_out(
    compositions: dict[str, Composition],
) -> None:
    params = [("shop", "a"), ("rest", "b"), ("X-Tenant", "ä")]
    call = screen_call(
        compositions["find"], params, [("Accept-Language", "de"), ("X-Tenant", "other")], "small"
    )
    assert call.headers == (
        (b"host", b"localhost"), (b"x-tenant", "ä".encode()), (b"accept-language", b"de"),
    )  # fmt: skip
    assert call.target == "/find/a/b?view=small"


def test_param_of_a_header_is_there_where_the_header_is(
    compositions: dict[str, Composition],
) -> None:
    call = screen_call(compositions["keyed"], [], [("idempotency-key", "k1")], None)
    assert (b"idempotency-key", b"k1") in call.headers
    with pytest.raises(WrongCall, match="missing param 'Idempotency-Key'"):
        made(compositions["keyed"])


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ([], None),
        (["first_name=5"], {"first_name": "5"}),  # a text, as its type says
        (["first_name=null", "age-in-years=7"], {"first_name": None, "age-in-years": 7}),
        (["age=null"], {"age-in-years": None}),
        (["age=old"], {"age-in-years": "old"}),  # which the gateway refuses
        (['price={"least": 1}'], {"price": {"least": 1}}),
        (['prices={"least": 1}', 'prices={"least": 2}'], {"prices": [{"least": 1}, {"least": 2}]}),
        (['prices=[{"least": 1}]'], {"prices": [{"least": 1}]}),
        (["anything=[1, 2.5]"], {"anything": [1, 2.5]}),
        (["anything=a b"], {"anything": "a b"}),
    ],
)
def test_field_of_a_body_has_the_json_value_that_its_type_wants(
    compositions: dict[str, Composition], words: list[str], body: object
) -> None:
    call = made(compositions["write"], "id=1", *words)
    assert (None if call.body is None else json.loads(call.body)) == body
    assert ((b"content-type", b"application/json") in call.headers) == (body is not None)


def test_form_and_whole_bodies_are_written_as_they_are_declared(
    compositions: dict[str, Composition],
) -> None:
    form = made(compositions["pay"], "amount=5", "expand=a", "expand[]=b&c")
    assert form.body == b"amount=5&expand%5B%5D=a&expand%5B%5D=b%26c"
    assert (b"content-type", b"application/x-www-form-urlencoded") in form.headers
    whole = made(compositions["order"], 'order={"id": 1, "total": 2.5, "items": []}')
    assert json.loads(whole.body or b"") == {"id": 1, "total": 2.5, "items": []}
    assert made(compositions["note"], "note=ü 1").body == "ü 1".encode()


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("write", [], "missing param 'id': integer, --param id=…"),
        (
            "write",
            ["idd=1", "agee=2"],
            "unknown param 'idd'. Known: age, age-in-years, anything, dry, first_name, id, price,"
            " prices. Did you mean 'id'?\n"
            "unknown param 'agee'. Known: age, age-in-years, anything, dry, first_name, id, price,"
            " prices. Did you mean 'age'?\n"
            "missing param 'id': integer, --param id=…",
        ),
        ("write", ["id=1", "id=2"], "param 'id' came 2 times, and is no list"),
        ("write", ["id=\udcff"], "param 'id' is not UTF-8"),
        ("find", ["shop=a", "rest=b", "tags=a|b"], "param 'tags' holds a pipe in an element"),
        ("find", ["shop=a", "rest=b", "filter=open"], "param 'filter' is no object"),
        ("find", ["shop=a", "rest=b", 'filter={"a": [{}]}'], "a param can't be sent: only texts,"),
    ],
)
def test_words_that_make_no_request_are_refused_by_name(
    compositions: dict[str, Composition], name: str, words: list[str], message: str
) -> None:
    with pytest.raises(WrongCall) as refused:
        made(compositions[name], *words)
    assert str(refused.value).startswith(message)


def test_unknown_view_and_header_that_cannot_be_sent_are_refused(
    compositions: dict[str, Composition],
) -> None:
    with pytest.raises(WrongCall, match="unknown view 'smal'"):
        made(compositions["find"], "shop=a", "rest=b", view="smal")
    for header in (("A B", "1"), ("A", "1\n2")):
        with pytest.raises(WrongCall, match="can't be sent"):
            screen_call(compositions["find"], [("shop", "a"), ("rest", "b")], [header], None)
