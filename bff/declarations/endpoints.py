"""`METHOD /path/{param}`: what a composition answers to, and what an operation requests.

A composition's params fill whole segments, because the router matches segment by segment; an
operation's may fill parts of one (`/users/{id}.json`). Literal text of a composition is compared
with decoded paths; an operation's goes on the wire as it is.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator

from bff.declarations.findings import Finding, refusal
from bff.declarations.forms import READING_METHODS, WRITING_METHODS, Location
from bff.declarations.hints import known_names

METHODS = (*READING_METHODS, *WRITING_METHODS)

_PARAM = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECODED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]*")  # RFC 3986 pchar, nothing encoded
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*")


def path_params(endpoint: str) -> tuple[str, ...]:
    """The names in an endpoint's path, in order: `GET /users/{id}` → ("id",)."""
    return tuple(_PARAM.findall(endpoint))


def default_location(name: str, endpoint: str) -> Location:
    """Where a param is that doesn't say `in`: the path where it is named there, the query of what
    reads or deletes, and the body of everything else."""
    if name in path_params(endpoint):
        return "path"
    return "query" if endpoint.startswith(("GET ", "DELETE ")) else "body"


def check_locations(
    endpoint: str, key: str, locations: Mapping[str, Location], path: tuple[str, ...] = ("params",)
) -> list[Finding]:
    """What is wrong between an endpoint and its params; `key` is the endpoint's own key."""
    names = path_params(endpoint)
    found = [
        Finding(
            f"the path's '{name}' is no declared param",
            f"Declare it: params: {{{name}: {{type: …}}}}.",
            (key,),
        )
        for name in names
        if name not in locations
    ]
    for name, location in locations.items():
        if location == "path" and name not in names:
            found.append(
                Finding(
                    f"'{name}' is not in the path of {endpoint}",
                    f"Put {{{name}}} there, or say where it is: in: query.",
                    (*path, name),
                    at_key=True,
                )
            )
        elif location != "path" and name in names:
            found.append(
                Finding(
                    f"'{name}' is in the path of {endpoint}",
                    "Leave `in` out, or take it from the path.",
                    (*path, name, "in"),
                )
            )
        elif location == "body" and endpoint.startswith("GET "):
            found.append(
                Finding(
                    f"'{name}' is in the body, and GET has none",
                    "Use in: query, or another method.",
                    (*path, name),
                    at_key=True,
                )
            )
    return found


def _check_endpoint(endpoint: str) -> str:
    target = _target(endpoint)
    segments = target.split("/")[1:]
    for segment in segments:
        if segment == "" and len(segments) > 1:
            raise refusal(Finding("a path with an empty segment", "Leave the extra `/` out."))
        if not _PARAM.fullmatch(segment) and not _DECODED.fullmatch(segment):
            raise refusal(_segment_finding(segment))
    _check_names(target)
    _check_dots(segments)
    return endpoint


def _check_request(request: str) -> str:
    target = _target(request)
    segments = target.split("/")[1:]
    for index, segment in enumerate(segments):
        if segment == "" and index < len(segments) - 1:
            raise refusal(Finding("a path with an empty segment", "Leave the extra `/` out."))
        if not _ENCODED.fullmatch(_PARAM.sub("", segment)):
            raise refusal(_segment_finding(segment))
    _check_names(target)
    _check_dots(segments)
    return request


def _target(endpoint: str) -> str:
    method, blank, target = endpoint.partition(" ")
    if method not in METHODS:
        if blank and method.isalpha():
            raise refusal(Finding(f"unknown method '{method}'", known_names(method, METHODS)))
        raise refusal(_form(endpoint))
    if not target.startswith("/"):
        raise refusal(_form(endpoint))
    if "?" in target:
        raise refusal(Finding("a path with a query", "Declare it under params, with `in: query`."))
    return target


def _form(endpoint: str) -> Finding:
    return Finding(f"'{endpoint}' is no endpoint", "Write METHOD /path: GET /users/{id}.")


def _segment_finding(segment: str) -> Finding:
    if "{" in segment or "}" in segment:
        return Finding(
            f"'{segment}' is no segment of a path",
            "Write a param as {name}; a composition's is a segment of its own.",
        )
    return Finding(
        f"'{segment}' is no segment of a path",
        "Use letters, digits and -._~ in it.",
    )


def _check_names(target: str) -> None:
    names: Sequence[str] = _PARAM.findall(target)
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise refusal(
                Finding(
                    f"'{{{name}}}' is no param",
                    "A param's name has letters, digits and underscores, and no digit first.",
                )
            )
        if name in names[:index]:
            raise refusal(Finding(f"'{{{name}}}' is in the path twice", "Name each once."))


def _check_dots(segments: Sequence[str]) -> None:
    for segment in segments:
        if segment.lower().replace("%2e", ".") in (".", ".."):
            raise refusal(
                Finding(f"'{segment}' in a path means another path", "Write the path out.")
            )


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]  # of a composition
Request = Annotated[str, AfterValidator(_check_request)]  # of an operation
