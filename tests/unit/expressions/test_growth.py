"""A value that an expression makes is bounded, however often it repeats what it reads."""

import time
import tracemalloc
from typing import Any

import pytest

from bff.errors import TooLargeError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.closures.growth import LARGEST_VALUE, MOST_COPIES, copies
from bff.plan.expressions.grammar.parsing import parse_expression


def chain(part: str, times: int, first: str = "a") -> str:
    return " | ".join([first, *[part] * times])


def evaluate(source: str, root: Any) -> Any:
    return compile_node(parse_expression(source))(root)


EXPLOSIVE = {
    "lists of the same list": chain("[@, @]", 22),
    "objects of the same object": chain("{x: @, y: @}", 22),
    "lists that are flattened": chain("[@, @][]", 40),
    "lists of lists that are walked": chain("[@, @]", 30) + "[*][*][*]",
    "texts of the same text": chain("join('', [@, @])", 40),
    "texts of texts of lists": chain("to_string([@, @])", 20),
    "quotes that are escaped again and again": chain("to_string([@])", 60),
    "objects that are mapped": chain("map(&[@, @], [@, @])", 20),
    "comparisons of what is repeated": f"{chain('[@, @]', 60)} | @ == @",
    "projections": chain("[*].[@, @]", 40, "[a]"),
    "variables of variables": "".join(
        f"let $v{n} = [$v{n - 1}, $v{n - 1}] in " for n in range(1, 50)
    ).replace("$v0", "a") + "$v49",
    "texts of variables": "".join(
        f"let $v{n} = to_string([$v{n - 1}, $v{n - 1}]) in " for n in range(1, 30)
    ).replace("$v0", "a") + "$v29",
    "joined variables": "".join(
        f"let $v{n} = join('', [$v{n - 1}, $v{n - 1}]) in " for n in range(1, 40)
    ).replace("$v0", "a") + "$v39",
    "the root in each element": chain("[*].[$.a, @, @]", 40, "[a]"),
    "replaced texts": chain("replace(@, '1', '11111111')", 40),
    "characters split and joined": chain("join('--------', split(@, ''))", 40),
    "padding": "pad_left(a, 99999999)",
    "padding of each": "map(&pad_right(@, 8000000), split('abcdefgh', ''))",
    "capitals": chain("upper(join('ß', [@, @]))", 40),
    "grouped by long names": "group_by(split('abcdefgh', ''), &pad_left(@, 8000000))",
    "pairs of pairs": chain("items({a: @, b: @})", 40),
    "zipped lists": chain("zip([@], [@])", 40),
}  # fmt: skip


@pytest.mark.parametrize("case", EXPLOSIVE)
def test_value_that_grows_without_end_is_too_large_before_it_takes_time(case: str) -> None:
    begun = time.process_time()
    with pytest.raises(TooLargeError, match=f"^a value of more than {LARGEST_VALUE} bytes$"):
        evaluate(EXPLOSIVE[case], {"a": "12345678"})
    assert time.process_time() - begun < 5  # without a bound, none of them ends


def test_root_that_each_element_repeats_is_too_large() -> None:
    root = {"a": "x" * 100_000, "list": [{"n": n} for n in range(100)]}
    for source in ("list[*].{n: n, a: $.a}", "let $a = a in map(&[@, $a], list)"):
        with pytest.raises(TooLargeError):
            evaluate(source, root)


@pytest.mark.parametrize(
    "source",
    [
        "list[*].pad_left(@, $.width)",
        "rows[*].join(text, parts)",
        "map(&replace($.text, 'x', $.text), list)",
        "sort_by(list, &pad_right(to_string(@), $.width))",
        "let $w = width in group_by(list, &pad_left(to_string(@), $w))",
    ],
)
def test_texts_made_of_many_elements_are_too_large_before_all_are_made(source: str) -> None:
    """A hundred texts of 200 KB to 1 MB."""
    rows = [{"text": "x" * 1000, "parts": [""] * 200}] * 100
    root = {"rows": rows, "list": ["x" * 1000] * 100, "width": 1_000_000, "text": "x" * 1000}
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            evaluate(source, root)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * LARGEST_VALUE


def test_separator_between_many_texts_is_too_large_before_the_text_is_made() -> None:
    root = {"separator": "x" * 1_000_000, "texts": [""] * 100_000}
    with pytest.raises(TooLargeError):
        evaluate("join(separator, texts)", root)


def test_value_that_repeats_little_of_a_little_is_made() -> None:
    assert evaluate(chain("[@, @][]", 10), {"a": 1}) == [1] * 1024
    assert len(evaluate(chain("join('', [@, @])", 16), {"a": "x"})) == 2**16


USUAL = [
    "orders[].{id: id, total: total, first: items[0].{id: product.id, title: product.title}}",
    "orders[?total > `5`].items[].product_id",
    "user.{name: join(' ', [first, last]), city: address.city} | {n: name, c: city}",
    "sort_by(products, &price)[0:3].{id: id, label: join('', [title, ' ', to_string(price)])}",
    "{" + ", ".join(f"f{n}: user.f{n}" for n in range(50)) + "}",
    "merge(user, {kind: 'person'})",
    "not_null(a, b, c) || `[]`",
    "orders[*].{id: id, total: total * 1.2, label: pad_left(to_string(id), 8, '0')}",
    "index_by(products, &to_string(id))",
    "let $u = user in {id: $u.id, name: $u.name}",
    "params.q ? search.hits : popular.hits",
]


@pytest.mark.parametrize("source", USUAL)
def test_usual_expression_is_not_weighed(source: str) -> None:
    assert copies(parse_expression(source)) <= MOST_COPIES
