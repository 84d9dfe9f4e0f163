"""Lines of the log as Filebeat and Fluent Bit read them, by the rules of their documentation.

    filebeat      the `ndjson` parser of the filestream input: target, expand_keys, overwrite_keys,
                  message_key, add_error_key, ignore_decoding_error
    fluent_bit    the tail input with a JSON parser: buffers, long lines, time_key, time_format,
                  time_keep
    container     a container's runtime: pieces of 16 KiB

Options come as in the tools' own files. Those that are not known here are refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Event = dict[str, Any]

READ_AT: Final = datetime(2030, 1, 1, tzinfo=UTC)
RUNTIME_BYTES: Final = 16 * 1024

_UNITS: Final = {"": 1, "k": 1024, "m": 1024 * 1024}


def filebeat(
    text: bytes,
    *,
    target: str,
    expand_keys: bool = False,
    overwrite_keys: bool = False,
    add_error_key: bool = False,
    message_key: str | None = None,
) -> list[Event]:
    """The events of lines. Fields of Filebeat's own are there before a line's are."""
    events = []
    for line in text.splitlines():
        own: Event = {
            "@timestamp": READ_AT,
            "log": {"offset": 0, "file": {"path": "/var/log/bff/bff.log"}},
            "input": {"type": "filestream"},
            "ecs": {"version": "8.0.0"},
            "agent": {"type": "filebeat"},
        }
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise ValueError("it is no object")
        except ValueError as error:
            own["message"] = line.decode()
            if add_error_key:
                own["error"] = {"message": f"Error decoding JSON: {error}", "type": "json"}
            events.append(own)
            continue
        if message_key is not None and not isinstance(fields.get(message_key), str):
            own["error"] = {"message": f"Key {message_key!r} not found", "type": "json"}
        try:
            if expand_keys:
                fields = _expanded(fields)
            if target:
                fields = {target: fields}
            _merge(own, fields, overwrite=overwrite_keys)
        except ValueError as error:
            if add_error_key:
                own["error"] = {"message": str(error), "type": "json"}
        events.append(own)
    return events


def _expanded(fields: Mapping[str, Any]) -> Event:
    """Dotted keys as objects of objects. Raises `ValueError` where a key is both an object and
    something else."""
    expanded: Event = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = expanded
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ValueError(f"cannot expand {name!r}: found conflicting key")
        if last in place:
            raise ValueError(f"cannot expand {name!r}: found existing value")
        place[last] = _expanded(value) if isinstance(value, dict) else value
    return expanded


def _merge(event: Event, fields: Mapping[str, Any], *, overwrite: bool) -> None:
    for name, value in fields.items():
        if name == "@timestamp":
            if overwrite:
                event[name] = datetime.fromisoformat(value)  # RFC 3339, else an error
        elif isinstance(value, dict) and isinstance(event.get(name), dict):
            _merge(event[name], value, overwrite=overwrite)
        elif overwrite or name not in event:
            event[name] = value


def fluent_bit(
    text: bytes,
    parser: Mapping[str, Any],
    *,
    buffer_chunk_size: str = "32k",
    buffer_max_size: str = "32k",
    skip_long_lines: bool = False,
) -> list[tuple[datetime, Event]]:
    """The records of a file, each with its time. Raises `ValueError` where the file would be given
    up: at a line that is longer than the buffer."""
    chunk, most = _bytes(buffer_chunk_size), _bytes(buffer_max_size)
    if most < chunk:
        raise ValueError("buffer_max_size is below buffer_chunk_size")
    records = []
    for line in text.splitlines(keepends=True):
        if len(line) > most:
            if not skip_long_lines:
                raise ValueError("the file has a line that is longer than the buffer")
            continue
        records.append(_record(line.rstrip(b"\n"), **parser))
    return records


def _bytes(size: str) -> int:
    match = re.fullmatch(r"(\d+)([km]?)", size.lower())
    assert match is not None
    return int(match[1]) * _UNITS[match[2]]


def _record(
    line: bytes,
    *,
    name: str,
    format: str,
    time_key: str,
    time_format: str,
    time_keep: bool = False,
) -> tuple[datetime, Event]:
    assert (name, format) == ("bff", "json")
    try:
        fields = json.loads(line)
    except ValueError:
        return READ_AT, {"log": line.decode()}
    if time_key not in fields:
        return READ_AT, fields
    moment = _time(fields[time_key], time_format)
    if not time_keep:
        del fields[time_key]
    return moment, fields


def _time(text: str, time_format: str) -> datetime:
    """By strptime, where `%L` is the fraction of a second."""
    return datetime.strptime(text, time_format.replace("%L", "%f")).replace(tzinfo=UTC)


def container(text: bytes) -> Iterator[bytes]:
    """The pieces that a container's runtime makes of what is written to its standard output."""
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), RUNTIME_BYTES):
            yield line[start : start + RUNTIME_BYTES]
