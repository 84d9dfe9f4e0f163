"""`METHOD /path/{param}`: what a composition answers to, and what an operation requests.

A composition's params fill whole segments, because the router matches segment by segment; an
operation's may fill parts of one (`/users/{id}.json`). Literal text of a composition is compared
with decoded paths; an operation's goes on the wire as it is.

Where the path is wrong the method is still known, so the models keep the text as it is written,
and report its violations among their own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import parse_qsl

from bff.declarations.declaration import Declaration, Violation
from bff.declarations.models.forms import Location
from bff.declarations.models.places import Params, check_params
from bff.declarations.suggestions import known_names
from bff.methods import METHODS, READING_METHODS

Effect = Literal["reads", "writes"]

REST = "..."  # behind the name of a param that is the rest of the path

_PARAM = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECODED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]*")  # RFC 3986 pchar, nothing encoded
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")
# A name and its text in a query: RFC 3986 §3.4, and brackets, which are sent encoded.
_IN_QUERY = r"(?:[A-Za-z0-9._~!$'()*+,;:@/?\[\]-]|%[0-9A-Fa-f]{2})"
_PAIR = re.compile(f"{_IN_QUERY}+(?:=(?:{_IN_QUERY}|=)*)?")


def method_of(endpoint: str) -> str | None:
    """The method, whatever is wrong with the path; None when there is none that is known."""
    method = endpoint.partition(" ")[0]
    return method if method in METHODS else None


def effect_of(endpoint: str, *, reads: bool) -> Effect | None:
    """Whether a request changes anything: by its method, or by `reads`, which declares that a POST
    changes nothing. None where the method is not known."""
    method = method_of(endpoint)
    if method is None:
        return None
    return "reads" if method in READING_METHODS or (reads and method == "POST") else "writes"


def check_reads(declared: Declaration, endpoint: str) -> Iterator[Violation]:
    """What is wrong with `reads`, a key of a composition or an operation, beside its method."""
    method = method_of(endpoint)
    if "reads" not in declared.model_fields_set or method in (None, "POST"):
        return
    does = "reads" if method in READING_METHODS else "writes"
    yield Violation(
        f"{method} always {does}", "Leave `reads` out: it is for a POST that changes nothing.",
        ("reads",), at_key=True,
    )  # fmt: skip


def never_cached(endpoint: str) -> Violation:
    """The violation of a `cache` beside an endpoint, or a request, that writes."""
    method = method_of(endpoint)
    mend = "Leave `cache` out."
    if method == "POST":
        mend = "Leave `cache` out, or declare `reads: true` where it changes nothing."
    what = f"{method} writes, so its replies are never cached"
    return Violation(what, mend, ("cache",), at_key=True)


def path_params(endpoint: str) -> tuple[str, ...]:
    """The names in an endpoint's path, in order: `GET /users/{id}` → ("id",)."""
    path = endpoint.partition("?")[0]
    return tuple(name.removesuffix(REST) for name in _PARAM.findall(path))


def rest_param(endpoint: str) -> str | None:
    """The name of the param that is the rest of the path: `GET /files/{path...}` → "path"."""
    last = endpoint.rpartition("/")[2]
    return last[1 : -len(REST) - 1] if last.startswith("{") and last.endswith(f"{REST}}}") else None


def query_names(request: str) -> tuple[str, ...]:
    """The names in the constant query of a request: `GET /users?api-version=2` → the one."""
    return tuple(name for name, _ in parse_qsl(request.partition("?")[2], keep_blank_values=True))


def default_location(name: str, endpoint: str) -> Location:
    """Where a param without `in` is: the path where it is named there, the query of what
    reads or deletes, and the body of everything else."""
    if name in path_params(endpoint):
        return "path"
    return "query" if endpoint.startswith(("GET ", "DELETE ")) else "body"


def endpoint_violations(endpoint: str) -> tuple[Violation, ...]:
    """What is wrong with a composition's endpoint, each fault once."""
    return tuple(dict.fromkeys(_endpoint_violations(endpoint)))


def request_violations(request: str) -> tuple[Violation, ...]:
    """What is wrong with an operation's request line, each fault once."""
    return tuple(dict.fromkeys(_request_violations(request)))


def check_endpoint(
    declared: Declaration, key: str, endpoint: str, wrong: Sequence[Violation], params: Params
) -> Iterator[Violation]:
    """What is wrong with what stands under `key` of a composition or an operation, and between it
    and the params; `wrong` is what is wrong with it by itself."""
    if declared.knows(key):
        yield from (Violation(each.what, each.mend, (key,)) for each in wrong)
    is_right = declared.knows(key) and not wrong
    locations = _locations(endpoint if is_right else None, params)
    if is_right and declared.knows("params"):
        yield from _path_violations(endpoint, key, params, locations)
    if method_of(endpoint) == "GET":
        for name, location in locations.items():
            if location in ("body", "form"):
                yield Violation(
                    f"'{name}' is in the {location}, and GET has none",
                    "Use in: query, or another method.",
                    ("params", name),
                    at_key=True,
                )
    yield from check_params(params, locations)


def _locations(endpoint: str | None, params: Params) -> dict[str, Location]:
    """Where the params are, as far as that is known."""
    found: dict[str, Location] = {}
    for name, param in params.items():
        if param.location is not None:
            found[name] = param.location
        elif endpoint is not None and param.knows("in"):
            found[name] = default_location(name, endpoint)
    return found


def _path_violations(
    endpoint: str, key: str, params: Params, locations: Mapping[str, Location]
) -> Iterator[Violation]:
    names = path_params(endpoint)
    for name in names:
        if name not in params:
            yield Violation(
                f"the path's '{name}' is no declared param",
                f"Declare it: params: {{{name}: {{type: …}}}}.",
                (key,),
            )
    for name, location in locations.items():
        if location == "path" and name not in names:
            yield Violation(
                f"'{name}' is not in the path of {endpoint}",
                f"Put {{{name}}} there, or write where it is: in: query.",
                ("params", name),
                at_key=True,
            )
        elif location != "path" and name in names:
            yield Violation(
                f"'{name}' is in the path of {endpoint}",
                "Leave `in` out, or take it from the path.",
                ("params", name, "in"),
            )


def _endpoint_violations(endpoint: str) -> Iterator[Violation]:
    yield from _form_violations(endpoint)
    if "?" in endpoint:
        yield Violation("a path with a query", "Declare it under params, with `in: query`.")
    segments = _segments(endpoint)
    for segment in segments:
        if segment == "" and len(segments) > 1:
            yield Violation("a path with an empty segment", "Leave the extra `/` out.")
        if not _PARAM.fullmatch(segment) and not _DECODED.fullmatch(segment):
            yield _segment_violation(segment)
    for segment in segments[:-1]:
        if _PARAM.fullmatch(segment) and segment.endswith(f"{REST}}}"):
            yield Violation(
                f"'{segment}' is the rest of the path, and more stands behind it",
                "Put it at the end.",
            )
    yield from _param_violations(endpoint)
    yield from _dot_violations(segments)


def _request_violations(request: str) -> Iterator[Violation]:
    yield from _form_violations(request)
    segments = _segments(request)
    for index, segment in enumerate(segments):
        if segment == "" and index < len(segments) - 1:
            yield Violation("a path with an empty segment", "Leave the extra `/` out.")
        if not _ENCODED.fullmatch(_PARAM.sub("", segment)):
            yield _segment_violation(segment)
    yield from _param_violations(request)
    for name in _PARAM.findall(request.partition("?")[0]):
        if name.endswith(REST):
            yield Violation(
                f"'{{{name}}}' is for the endpoint of a composition",
                f"Write {{{name.removesuffix(REST)}}}, and `slash: true` at the param.",
            )
    yield from _dot_violations(segments)
    _, asks, query = request.partition("?")
    for pair in query.split("&") if asks else ():
        yield from _pair_violations(pair)


def _pair_violations(pair: str) -> Iterator[Violation]:
    if "{" in pair:
        yield Violation(
            f"'{pair}' in the query is no constant",
            "Declare a param for it: in: query, and `name` where its name is another.",
        )
    elif not _PAIR.fullmatch(pair):
        yield Violation(
            f"'{pair}' is no part of a query", "Write name=value, and & between two of them."
        )


def _segments(endpoint: str) -> list[str]:
    return endpoint.partition(" ")[2].partition("?")[0].split("/")[1:]


def _form_violations(endpoint: str) -> Iterator[Violation]:
    method, blank, target = endpoint.partition(" ")
    has_method = blank != "" and method.isalpha()
    if has_method and method not in METHODS:
        yield Violation(f"unknown method '{method}'", known_names(method, METHODS))
    if not has_method or not target.startswith("/"):
        yield Violation(f"'{endpoint}' is no endpoint", "Write METHOD /path: GET /users/{id}.")


def _segment_violation(segment: str) -> Violation:
    if "{" in segment or "}" in segment:
        return Violation(
            f"'{segment}' is no segment of a path",
            "Write a param as {name}; a composition's is a segment of its own.",
        )
    return Violation(
        f"'{segment}' is no segment of a path",
        "Use letters, digits and -._~ in it.",
    )


def _param_violations(endpoint: str) -> Iterator[Violation]:
    names = path_params(endpoint)
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            yield Violation(
                f"'{{{name}}}' is no param",
                "A param's name has letters, digits and underscores, and no digit first.",
            )
        if name in names[:index]:
            yield Violation(f"'{{{name}}}' is in the path twice", "Name each once.")


def _dot_violations(segments: Sequence[str]) -> Iterator[Violation]:
    for segment in segments:
        if segment.lower().replace("%2e", ".") in (".", ".."):
            yield Violation(f"'{segment}' in a path means another path", "Write the path out.")
