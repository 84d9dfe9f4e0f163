"""`make house` reports what is there."""

from pathlib import Path

import pytest

import bff
from house.__main__ import main
from house.rooms import read_house
from house.walks import walk_requests


def test_every_file_is_in_a_room_and_imports_go_down() -> None:
    house = read_house()
    files = [path for path in Path(bff.__file__).parent.rglob("*.py") if path.stat().st_size]
    assert sum(room.files for room in house.rooms) == len(files)
    for importer, imported in house.arrows:
        above, below = importer.partition("/")[0], imported.partition("/")[0]
        assert above == below or house.floors[above] > house.floors[below]


def test_walk_that_is_answered_from_the_cache_runs_no_engine() -> None:
    uncached, cached, route = walk_requests()
    for walk in (uncached, cached, route):
        assert walk.files[0] == "web/hosts/asgi/edge"
        assert "web/gateway" in walk.files
    assert "engine/run" in uncached.files
    assert not any(file.startswith("engine/run") for file in (*cached.files, *route.files))
    assert "upstream/passthrough/passthrough" in route.files
    assert len(cached.files) < len(uncached.files) / 2


def test_report_has_every_room_and_walk(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    out = capsys.readouterr().out
    for part in ("cli", "web/http", "engine/steps", "errors", "a route"):
        assert f"| {part} |" in out
