"""Names of spans' attributes: OpenTelemetry's own, or ours with `bff.` before them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import opentelemetry.semconv.attributes as stable
from opentelemetry.semconv._incubating.attributes import url_attributes

import bff

SOURCES = (
    "web/telemetry/request_spans.py",
    "web/telemetry/call_spans.py",
    "web/telemetry/tracer.py",
    "telemetry/traces/sender.py",
)
NAMES = re.compile(r'"((?:[a-z]+\.)+[a-z_]+)"')
# Of the conventions, but not stable in the release that we compare with.
DEVELOPING = {"url.template": url_attributes.URL_TEMPLATE}


def used() -> set[str]:
    folder = Path(bff.__file__).parent
    texts = [(folder / name).read_text(encoding="utf-8") for name in SOURCES]
    return {name for text in texts for name in NAMES.findall(text)}


def of_the_conventions() -> Iterator[str]:
    for module in iter_modules(stable.__path__):
        for name, value in vars(import_module(f"{stable.__name__}.{module.name}")).items():
            if name.isupper() and isinstance(value, str):
                yield value


def test_every_name_is_of_the_stable_conventions_or_our_own() -> None:
    foreign = {name for name in used() if not name.startswith("bff.")}
    assert len(foreign) > 10
    assert foreign <= {*of_the_conventions(), *DEVELOPING, "service.instance.id"}
    assert all(name == value for name, value in DEVELOPING.items())


def test_every_name_is_described() -> None:
    text = (Path(bff.__file__).parents[1] / "docs/observability.md").read_text(encoding="utf-8")
    section = text.partition("\n## Traces\n")[2].partition("\n## ")[0]
    assert {name for name in used() if f"`{name}`" not in section} == set()
    listed = set(re.findall(r"^\| `([a-z_]+\.[a-z_.]+)` \|", section, flags=re.M))
    assert listed <= used()


def test_where_traces_are_off_no_message_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, bff, bff.web.applications, bff.web.gateway, bff.cli.serving.worker\n"
        "parts = ('opentelemetry.proto', 'google')\n"
        "print([name for name in sys.modules if name.startswith(parts)])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
