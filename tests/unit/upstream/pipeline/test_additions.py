"""What calls have of their service: headers in the place of their own, and a query."""

from msgspec import structs

from bff.engine.ports import HeaderBlock, ServiceCall
from bff.plan.model.service import Additions
from bff.secret import Secret
from bff.upstream.pipeline import additions as pipeline
from bff.upstream.pipeline.additions import AddedHeaders, render_additions

OWN = AddedHeaders([(b"user-agent", b"shop"), (b"x-key", b"k")])


def test_headers_replace_those_of_the_same_name() -> None:
    given = [(b"accept", b"*/*"), (b"user-agent", b"bff"), (b"x-key", b"mine"), (b"x-key", b"2")]
    expected = ((b"accept", b"*/*"), (b"user-agent", b"shop"), (b"x-key", b"k"))
    assert OWN.to(given) == expected
    assert OWN.to(HeaderBlock(given)) == expected


def test_block_becomes_the_same_block_each_time_so_that_its_lines_are_rendered_once() -> None:
    block, other = HeaderBlock([(b"accept", b"*/*")]), HeaderBlock([(b"accept", b"*/*")])
    assert OWN.to(block) is OWN.to(block)
    assert OWN.to(block) is not OWN.to(other)


def test_no_more_blocks_are_remembered_than_a_release_has() -> None:
    headers = AddedHeaders([(b"x-key", b"k")])
    blocks = [HeaderBlock([(b"n", b"%d" % n)]) for n in range(pipeline._MOST_BLOCKS + 1)]
    first, last = blocks[0], blocks[-1]
    for block in blocks:
        headers.to(block)
    assert headers.to(first) is headers.to(first)
    assert headers.to(last) is not headers.to(last)
    assert headers.to(last) == ((b"n", b"%d" % pipeline._MOST_BLOCKS), (b"x-key", b"k"))


def test_query_follows_the_calls_own() -> None:
    own = render_additions(Additions((), (("a b", "ä&"), ("key", Secret("s+/"))), None, ""))
    added = "a%20b=%C3%A4%26&key=s%2B%2F"
    targets = {"/x": f"/x?{added}", "/x?y=1": f"/x?y=1&{added}"}
    for target, expected in targets.items():
        call = ServiceCall("shop", "GET", target, (), b"body", None, True)
        assert own.to(call) == structs.replace(call, target=expected)
