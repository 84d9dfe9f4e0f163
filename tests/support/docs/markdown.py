"""Headings of Markdown pages, as links lead to them."""

import re


def anchor_of(title: str) -> str:
    """The anchor that a heading has on the page: `reads: true` has `reads-true`."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title.replace("&lt;", "").replace("&gt;", ""))
    return re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-")


def anchors_of(page: str) -> set[str]:
    """The anchors of all headings of a page; a heading that comes again has a number."""
    found: set[str] = set()
    outside = re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
    for title in re.findall(r"^#+ (.*)$", outside, flags=re.M):
        anchor, number = anchor_of(title), 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found
