"""`validate: used`: finds the parts of replies that a composition uses, and narrows steps to them.

Views that are masks add nothing: they are cut from the payload, which also goes out as a whole.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from bff.plan.compiler.reads import Readers
from bff.plan.digests import digest_of
from bff.plan.model.expressions import NO_USES, Part, Uses, part_of, union_of
from bff.plan.model.payload import ByKey, Computed, Join, Splice
from bff.plan.model.steps import ByCursor, ByLink, Pages, Step

_REPLY = "reply"  # the root's name for it in the tags of replies


def narrow_steps(readers: Readers, narrowed: Set[str]) -> tuple[Step, ...]:
    """The steps; those in `narrowed` validate only the used parts of their replies."""
    used = used_parts(readers) if narrowed else {}
    return tuple(
        _narrow(step, used[step.name]) if step.name in narrowed else step for step in readers.steps
    )


def used_parts(readers: Readers) -> Mapping[str, Part]:
    """The used part of a reply to each step, by the step's name."""
    uses = union_of([_by_requests(readers.steps), _after_the_steps(readers)])
    return {step.name: part_of(_of_reply(step, uses.below((step.name,)))) for step in readers.steps}


def _narrow(step: Step, part: Part) -> Step:
    operation = step.operation
    returns = operation.returns.narrowed(part)
    if returns is None:
        return step
    # Replies are shared by the operation's digest. One that this step stores may break the part of
    # the schema that another step reads.
    digest = digest_of([operation.digest, returns.digest])
    reads = replace(operation, returns=returns, digest=digest)
    return replace(step, operation=reads, reads_part=True)


def _by_requests(steps: Sequence[Step]) -> Uses:
    """What the steps use of the steps before them, to decide about calls and to send them."""
    found: list[Uses] = []
    for step in steps:
        own = [
            each.template.uses.tested() if each.is_tested else each.template.uses.consumed()
            for each in step.expressions()
        ]
        found += own
        if step.for_each is not None:
            element, elements = (step.for_each.as_name,), step.for_each.over.uses.value
            found += [uses.below(element).at(elements) for uses in own]
    return union_of(found)


def _after_the_steps(readers: Readers) -> Uses:
    """What joins, shapes, heads, tags and purges use. The last join comes first: a later join, and
    all that follows the joins, may look into what an earlier one has put there."""
    found = [each.uses for each in (*readers.tags, *readers.purges)]
    found += [each.uses.consumed() for each in readers.head]
    for shape in readers.shapes:
        for segment in shape.segments:
            if isinstance(segment, Splice):
                name = readers.steps[segment.step].name
                found.append(Uses(whole=frozenset({(name,)})))
            elif isinstance(segment, Computed):
                found.append(segment.template.uses.consumed())
    joined = union_of(found)
    unjoined = NO_USES
    for join in reversed(readers.joins):
        joined, source = _through_join(join, joined)
        unjoined = union_of([unjoined, source])
    return union_of([joined, unjoined])


def _through_join(join: Join, joined: Uses) -> tuple[Uses, Uses]:
    """What is used of the place that the join goes into, the matched fields included, and what that
    is of the join's source. The two ends lie in different roots."""
    at = (join.into_step, *join.into)
    mine = Uses(whole=frozenset((*at, name) for name in join.read_there))
    source = join.source.uses
    if isinstance(join.by, ByKey):  # an object keyed by id is read as a whole
        return union_of([joined, mine]), source.consumed()
    theirs = frozenset((name,) for _, name in join.by.match)
    put = union_of([joined.below((*at, join.as_name)), Uses(whole=theirs)])
    return union_of([joined, mine]), union_of([source.tested(), put.at(source.value)])


def _of_reply(step: Step, uses: Uses) -> Uses:
    """What is used of one reply, from the uses of the step's value and of the tags of its replies.
    The lists that `for_each`, and a batch or pages without an expression of theirs, put around
    replies have no fields."""
    found = [uses]
    if step.batch is not None and step.batch.select is not None:
        select = step.batch.select.uses
        found = [select.tested(), uses.at(select.value)]
    if step.pages is not None:
        found = _of_page(step.pages, uses)
    if step.cache is not None:
        found += [tag.uses.below((_REPLY,)) for tag in step.cache.tags]
    return union_of(found)


def _of_page(pages: Pages, uses: Uses) -> list[Uses]:
    """What is used of a page: of its items, and to find them and the cursor."""
    found = [uses]
    if pages.items is not None:
        items = pages.items.uses
        places = frozenset(place[1:] for place in items.value if place[:1] == (_REPLY,))
        found = [items.tested().below((_REPLY,)), uses.at(places)]
    if isinstance(pages.by, ByCursor | ByLink) and pages.by.next is not None:
        found.append(pages.by.next.uses.consumed().below((_REPLY,)))
    return found
