"""Projects over the upstream of lists: one service, one schema, and any compositions.

`steps` of a composition are by name what they ask for: the list's length, and its name, in which
`${params.key}` may stand.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

Steps = Mapping[str, tuple[int, str]]

_SCHEMA = '''\
"""What the upstream's lists hold."""

from pydantic import BaseModel


class Item(BaseModel):
    id: int
    of: str
    price: float
    tags: list[str]
    is_new: bool
    note: str | None
    title: str
'''
_SERVICE = """\
instances: [{bases}]
operations:
  get_list:
    request: GET /lists/{{count}}/{{name}}
    params:
      count: {{type: integer, minimum: 0}}
      name: {{type: string}}
    returns: list[schemas.lists:Item]
"""


def write_project(
    folder: Path,
    bases: Sequence[str],
    compositions: Mapping[str, str],
    *,
    timeout: str = "2s",
    deadline: str = "5s",
) -> Path:
    """The project's folder, `folder` itself; `bases` are the service's instances."""
    files = {
        "gateway.yaml": f"defaults: {{access: public, timeout: {timeout}, deadline: {deadline}}}\n",
        "services/lists.yaml": _SERVICE.format(bases=", ".join(bases)),
        "schemas/lists.py": _SCHEMA,
        **{f"compositions/{name}.yaml": text for name, text in compositions.items()},
    }
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def composition(path: str, steps: Steps, *, ttl: str = "") -> str:
    """A composition's file: these steps at once, under `path`, in which `{key}` is a param; kept
    for `ttl` where there is one."""
    lines = [f"endpoint: GET {path}"]
    if "{key}" in path:
        lines += ["params:", "  key: {type: integer}"]
    lines.append("steps:")
    for name, (count, asked) in steps.items():
        lines += [
            f"  {name}:",
            "    call: lists.get_list",
            f'    with: {{count: {count}, name: "{asked}"}}',
        ]
    if ttl:
        lines.append(f"cache: {{ttl: {ttl}}}")
    return "\n".join(lines) + "\n"
