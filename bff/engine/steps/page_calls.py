"""A step's pages in flight: the request for the page after the one that came, and the whole list.

Rules:
1. Pages are asked for one after the other. Each request is the one before it, with another cursor,
   number, offset or query.
2. A cursor that is null, false or empty ends the list, as does a reply without a link to the next
   page. Page numbers end at an empty page, offsets at one shorter than a full one: a further page
   may be asked for to see that it is empty.
3. A request that is equal to an earlier one fails the step: the pages lead in a circle.
4. A link gives the query of the next request, never its path or host.
5. What is beyond the bounds fails the step; or it is cut off, and the step is degraded.
6. A page that is null, as `statuses` may have it, ends the list and adds nothing.
"""

from dataclasses import replace
from typing import Any, assert_never

from msgspec import structs

from bff.engine.answers import Handle
from bff.engine.payload.texts import write_json
from bff.engine.steps.many_calls import ManyCalls
from bff.engine.steps.pages import Page, followed
from bff.engine.steps.requests import Renderer, StepRequest
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason, Value, dropped_in, reason_of
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.steps import ByCursor, ByLink, ByOffset, ByPage, Pages, Step
from bff.plan.params.sendable import TARGET_BYTES


class PageCalls(ManyCalls):
    """A step's pages in flight. `render` and `budget` are those of the step's requests."""

    __slots__ = ("_budget", "_handle", "_items", "_pages", "_parts", "_render", "_replaced",
                 "_request", "_seen", "_step", "_waiting")  # fmt: skip

    def __init__(
        self, step: Step, pages: Pages, first: StepRequest, render: Renderer, budget: Budget
    ) -> None:
        self.at_once = 1
        self._step = step
        self._pages = pages
        self._render = render
        self._budget = budget
        self._request = first  # of the last page that was asked for
        self._waiting: StepRequest | None = first
        self._seen = {_identity(first)}
        self._parts: list[Value] = []  # each has a `Page` as its JSON form, and the items' text
        self._items = 0
        # The failure of the last page in place of which an earlier one stands.
        self._replaced: Failed | None = None
        self._handle: Handle | None = None

    def next_request(self) -> tuple[int, StepRequest] | None:
        """See `ManyCalls.next_request`."""
        request, self._waiting = self._waiting, None
        return None if request is None else (len(self._parts), request)

    def hold(self, _: int, handle: Handle) -> None:
        """See `ManyCalls.hold`."""
        self._handle = handle

    def cancel(self) -> None:
        """See `ManyCalls.cancel`."""
        if self._handle is not None:
            self._handle.cancel()

    def take(self, _: int, part: Value | Failed) -> Value | Failed | None:
        """See `ManyCalls.take`."""
        self._handle = None
        if isinstance(part, Failed):
            if part.stand_in is None:
                return part
            self._replaced, part = part, part.stand_in
        page = part.json
        if not isinstance(page, Page):  # rule 6
            return self._combined(self._replaced)
        self._parts.append(part)
        self._items += len(page.items)
        following = self._following(page)
        match following:
            case StepRequest():
                self._request = self._waiting = following
                return None
            case None:
                return self._combined(self._replaced)
            case Failed(Reason.TOO_MANY) if self._pages.truncates:
                return self._combined(replace(following, lacks_parts=True))
            case Failed():
                return following

    def _following(self, page: Page) -> StepRequest | Failed | None:
        """The request for the page after this one; None where this is the last."""
        pages, taken = self._pages, len(self._parts)
        if self._items > pages.max_items:
            return _too_many(f"more than {pages.max_items} items")
        if taken > pages.max_pages and page.items:
            return _too_many(f"more than {pages.max_pages} pages")
        match pages.by:
            case ByCursor() | ByLink():
                leads_to = page.leads_to
            case ByPage(_, first):
                leads_to = first + taken if page.items else None
            case ByOffset(_, size):
                leads_to = self._items if len(page.items) >= size else None
            case _:
                assert_never(pages.by)
        if leads_to is None:
            return None
        if taken == pages.most_calls:
            return _too_many(f"more than {pages.max_pages} pages")
        try:
            request = self._led_to(leads_to)
        except EvaluationError as error:
            return Failed(reason_of(error), detail=str(error))
        except ValueError as error:
            return Failed(Reason.BAD_PAGE, detail=f"what leads to the next page {error}")
        if _identity(request) in self._seen:
            return Failed(Reason.BAD_PAGE, detail="a page leads back to an earlier one")
        self._seen.add(_identity(request))
        return request

    def _led_to(self, leads_to: Any) -> StepRequest:
        """The request for the page that a cursor, a number, an offset or a link leads to. Raises
        `ValueError`, and `TooLargeError`."""
        by, request = self._pages.by, self._request
        if not isinstance(by, ByLink):
            values = {**request.values, by.param.name: by.param.check(leads_to)}
            return self._render(values, self._budget)
        target = followed(request.target, leads_to, by.added)
        if target is None:
            raise ValueError("is a link to another path, or one that can't be sent")
        if len(target) > TARGET_BYTES:
            raise TooLargeError(f"a request's target has more than {TARGET_BYTES} bytes")
        self._budget.spend(len(target))
        return structs.replace(request, target=target)

    def _combined(self, replaced: Failed | None) -> Value | Failed:
        """The list of all items, as far as the bounds allow; what stands in for a failure, where
        there was one."""
        json: list[Any] = []
        texts: list[bytes] = []
        room = self._pages.max_items
        for part in self._parts[: self._pages.max_pages]:
            items, text = part.json.items, part.text
            if len(items) > room:
                items = items[:room]
                text = None if text is None else write_json(items)
            room -= len(items)
            json += items
            if text is not None and items:
                texts.append(text[1:-1])
        value = Value(
            json if self._step.needs_json else None,
            b"[" + b",".join(texts) + b"]" if self._step.needs_bytes else None,
            dropped=dropped_in(self._parts),
        )
        return value if replaced is None else replace(replaced, stand_in=value)


def _identity(request: StepRequest) -> tuple[object, ...]:
    return request.target, request.headers, request.body


def _too_many(detail: str) -> Failed:
    return Failed(Reason.TOO_MANY, detail=detail)
