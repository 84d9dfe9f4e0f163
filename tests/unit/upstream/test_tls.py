"""When TLS files are read again, and what holds meanwhile."""

import logging
from pathlib import Path

import pytest
import trustme

from bff.errors import TlsFileError
from bff.tls import TlsFiles
from bff.upstream.tls import LOOK_SECONDS, MAX_CONTEXTS, FreshContext, TlsContexts
from tests.support.fake_time import Clock
from tests.support.upstream.tls_servers import ca_file, client_files


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_context_is_the_same_until_a_file_changes(tmp_path: Path, clock: Clock) -> None:
    authority = trustme.CA()
    context = FreshContext(client_files(tmp_path, authority, authority, "a"), clock)
    first = context.get()
    clock.now += LOOK_SECONDS
    assert context.get() is first
    client_files(tmp_path, authority, authority, "b")
    assert context.get() is first  # looked at a moment ago
    clock.now += LOOK_SECONDS
    assert context.get() is not first


def test_folder_that_is_swapped_behind_a_link_is_a_change(tmp_path: Path, clock: Clock) -> None:
    """So secrets are replaced in pods of Kubernetes."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ca_file(tmp_path / name, trustme.CA())
    (tmp_path / "now").symlink_to("one")
    context = FreshContext(TlsFiles(str(tmp_path / "now/ca.pem")), clock)
    first = context.get()
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "now")
    clock.now += LOOK_SECONDS
    assert context.get() is not first


def test_broken_new_file_leaves_the_last_good_context_and_is_logged_once(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    files = client_files(tmp_path, authority, authority, "a")
    context = FreshContext(files, clock)
    first = context.get()
    good = (tmp_path / "client.pem").read_bytes()
    (tmp_path / "client.pem").write_bytes(b"half a fi")
    with caplog.at_level(logging.WARNING, "bff"):
        for _ in range(3):
            clock.now += LOOK_SECONDS
            assert context.get() is first
    (line,) = caplog.messages
    assert "tls.cert: " in line
    assert "has no certificate in PEM" in line
    (tmp_path / "client.pem").write_bytes(good)
    clock.now += LOOK_SECONDS
    assert context.get() is not first


def test_file_that_is_removed_leaves_the_last_good_context(tmp_path: Path, clock: Clock) -> None:
    path = ca_file(tmp_path, trustme.CA())
    context = FreshContext(TlsFiles(path), clock)
    first = context.get()
    Path(path).unlink()
    clock.now += LOOK_SECONDS
    assert context.get() is first


def test_context_that_was_never_good_is_tried_each_time(tmp_path: Path, clock: Clock) -> None:
    context = FreshContext(TlsFiles(str(tmp_path / "ca.pem")), clock)
    with pytest.raises(TlsFileError):
        context.get()
    ca_file(tmp_path, trustme.CA())
    assert context.get()


def test_contexts_are_bounded(tmp_path: Path, clock: Clock) -> None:
    ca_file(tmp_path, trustme.CA())
    contexts = TlsContexts(clock)
    spellings = [TlsFiles(f"{tmp_path}{'/' * count}ca.pem") for count in range(1, MAX_CONTEXTS + 2)]
    made = [contexts.get(files) for files in spellings]
    assert contexts.get(spellings[-1]) is made[-1]
    assert contexts.get(spellings[0]) is not made[0]
