"""Compiles one header of a composition's replies.

Rules:
1. What an expression gives is percent-encoded in the headers that hold addresses or names of files
   (`ENCODED`), so that it never becomes another segment, query, host or parameter. Elsewhere it is
   text, in which nothing may stand that ends a header.
2. Such a header begins with a literal. A `Location` alone may begin with an expression, whose value
   goes out as it is: the whole must then be an address of a listed origin.
3. A null within a header leaves it out.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final
from urllib.parse import quote

from bff.errors import EvaluationError, TooLargeError
from bff.plan.compiler.roots import roots_of
from bff.plan.compiler.values import (
    ExpressionScope,
    compile_expression,
    is_constant,
    render_text,
    warn_of_forgotten,
)
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError
from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.model.expressions import Root, Template, union_of
from bff.plan.params.sendable import has_dot_segment, wrong_in_header
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, may_be_null, nullable, union, without_null

MOST_BYTES: Final = 8 * 1024  # of all headers of one composition together
ENCODED: Final = frozenset({"location", "content-location", "link", "content-disposition"})

_SCALAR = union(t.STRING, t.NUMBER, t.BOOLEAN)
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.I)
_OWN_PORTS: Final = {"http": ":80", "https": ":443"}
_BEGINNINGS: Final = {
    "link": (re.compile("<"), '</orders?page=${…}>; rel="next"'),
    "content-disposition": (
        re.compile("attachment|inline", re.I),
        "attachment; filename*=UTF-8''${…}",
    ),
}

_Part = str | Template


def compile_header(
    scope: ExpressionScope,
    name: str,
    text: str,
    path: Path,
    redirect_origins: Collection[str] | None,
) -> Template:
    """The header at `path`: a template of its value, null where it is left out. Problems are
    reported; `redirect_origins` is None where they are not known."""
    lower, before = name.lower(), len(scope.problems)
    try:
        pieces = split_template(text)
    except ExpressionSyntaxError as error:
        scope.report_in_text(path, error.offset, error.what, error.mend)
        pieces = ()
    else:
        warn_of_forgotten(scope, text, path)
        _check_literals(scope, lower, pieces, path, redirect_origins)
    parts: list[_Part] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        template = compile_expression(scope, piece.source, path, piece.start)
        if not fits(without_null(template.type), _SCALAR):
            scope.report_in_text(
                path, piece.start, f"{brief(template.type)} can't be in a header",
                "Name a text, a number or a boolean.",
            )  # fmt: skip
        parts.append(template)
    check = _check_of(lower, pieces, frozenset(redirect_origins or ()))
    header = _header_of(text, parts, is_encoded=lower in ENCODED, check=check)
    if len(scope.problems) == before and is_constant(header):
        try:
            header.evaluate({})
        except EvaluationError as error:
            scope.report(path, f"this fails always: {error}")
    return header


def _check_literals(
    scope: ExpressionScope,
    name: str,
    pieces: Sequence[str | Interpolation],
    path: Path,
    redirect_origins: Collection[str] | None,
) -> None:
    """Report what can't stand in a header, and a beginning that lets an expression choose it."""
    literals = "".join(piece for piece in pieces if isinstance(piece, str))
    is_address = name in ("location", "content-location")
    if wrong_in_header(literals) or (is_address and not _ADDRESS.fullmatch(literals)):
        what = "no address may hold" if is_address else "no header may hold"
        scope.report(path, f"holds a character that {what}", "Leave it out, or encode it: %20.")
        return
    if not pieces:
        scope.report(path, "is empty", "Give it a text, or leave it out.")
        return
    first = pieces[0]
    beginning = first if isinstance(first, str) else ""
    if is_address and not beginning:
        if name == "location" and (redirect_origins or redirect_origins is None):
            return
        also = (
            "; or list the origins that it may have: redirect_origins of gateway.yaml"
            if name == "location"
            else ""
        )
        scope.report_in_text(
            path, getattr(first, "start", 0), "begins with an expression, so it may lead anywhere",
            f"Begin with a path or an origin: /orders/${{…}}{also}.",
        )  # fmt: skip
    elif is_address:
        _check_beginning(scope, beginning, path, is_whole=len(pieces) == 1)
    elif name in _BEGINNINGS and not _BEGINNINGS[name][0].match(beginning):
        what = "begins with an expression" if not beginning else f"begins with '{beginning[:20]}'"
        scope.report(path, what, f"Write it like this: {_BEGINNINGS[name][1]}.")


def _check_beginning(scope: ExpressionScope, beginning: str, path: Path, *, is_whole: bool) -> None:
    """Report an address that begins with neither a path nor a whole origin."""
    if beginning.startswith("/") and not beginning.startswith("//"):
        return
    origin = _ORIGIN.match(beginning)
    rest = beginning[origin.end() :] if origin else ""
    if origin and (rest[:1] in ("/", "?", "#") if rest else is_whole):
        return
    if origin and not rest:
        scope.report(
            path, "an expression stands within the origin",
            f"End the origin before it: {beginning}/${{…}}.",
        )  # fmt: skip
        return
    scope.report(
        path, "an address begins with a path from the root, or with an origin",
        "Write /orders/${…}, or https://shop.example/${…}.",
    )  # fmt: skip


def _check_of(
    name: str, pieces: Sequence[str | Interpolation], redirect_origins: frozenset[str]
) -> Callable[[str], None]:
    """The check of a header's whole value; it raises `EvaluationError`."""
    if name not in ("location", "content-location"):
        return _check_text
    begins_with_literal = bool(pieces) and isinstance(pieces[0], str)

    def check_listed(text: str) -> None:
        origin = _ORIGIN.match(text)
        if not origin or text[origin.end() :][:1] not in ("", "/", "?", "#"):
            raise EvaluationError("the Location is no address with an origin")
        scheme, host, port = origin[1].lower(), origin[2].lower(), origin[3] or ""
        port = "" if port == _OWN_PORTS[scheme] else port
        if f"{scheme}://{host}{port}" not in redirect_origins or not _ADDRESS.fullmatch(text):
            raise EvaluationError("the Location is of no origin in redirect_origins")

    return _check_path if begins_with_literal else check_listed


def _check_text(text: str) -> None:
    if wrong_in_header(text):
        raise EvaluationError("a header holds a character that no header may hold")


def _check_path(text: str) -> None:
    """What was filled in is encoded, so that only what is empty, or dots, changes an address."""
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    if path.startswith("//") or has_dot_segment(path):
        raise EvaluationError("the address has a segment that is empty or only dots")


def _header_of(
    source: str, parts: Sequence[_Part], *, is_encoded: bool, check: Callable[[str], None]
) -> Template:
    """The template of a header's value: a text, or null where it is left out."""
    templates = [part for part in parts if isinstance(part, Template)]
    reads = frozenset[tuple[str, ...]]().union(*(each.reads for each in templates))

    def evaluate(root: Root) -> str | None:
        texts: list[str] = []
        for index, part in enumerate(parts):
            if isinstance(part, str):
                texts.append(part)
                continue
            value = part.evaluate(root)
            if value is None:
                return None
            text = render_text(value)
            if len(text) > MOST_BYTES:
                raise TooLargeError(f"a header has more than {MOST_BYTES} characters")
            # Only a Location begins with an expression; its check judges the whole.
            texts.append(quote(text, safe="", errors="replace") if is_encoded and index else text)
        whole = "".join(texts).strip(" \t")
        check(whole)
        return whole

    may_be_left_out = any(may_be_null(each.type) for each in templates)
    return Template(
        evaluate,
        nullable(t.STRING) if may_be_left_out else t.STRING,
        roots_of(reads),
        reads,
        source,
        union_of(each.uses.consumed() for each in templates),
    )
