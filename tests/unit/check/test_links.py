"""How a service is connected to, as `bff check` reads it: files of TLS and proxies."""

from pathlib import Path

import pytest
import trustme

from bff.environment import Environment
from bff.errors import Problem
from bff.plan.compiler.project import check_project
from bff.plan.model.service import Link, Proxy
from bff.tls import LARGEST_FILE, TlsFiles
from tests.support.projects import HOME, SHOP_SERVICE, write_project

LOCKED_KEY = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
NO_DER = b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"
NO_KEY = b"-----BEGIN PRIVATE KEY-----\nbm9uZQ==\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What a project may hold, by name."""
    authority = trustme.CA()
    mine, other = authority.issue_cert("gateway"), authority.issue_cert("other")
    return {
        "ca.pem": authority.cert_pem.bytes(),
        "mine.pem": mine.cert_chain_pems[0].bytes(),
        "mine.key": mine.private_key_pem.bytes(),
        "other.key": other.private_key_pem.bytes(),
        "locked.key": LOCKED_KEY,
        "broken.pem": NO_DER,
        "broken.key": NO_KEY,
        "text.pem": b"none of it\n",
        "large.pem": b"x" * (LARGEST_FILE + 1),
    }


def project_of(folder: Path, files: dict[str, bytes], lines: str) -> Path:
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", f"base: https://shop.test\n{lines}")
    write_project(folder, {"home": HOME}, services={"shop": service})
    (folder / "certs").mkdir()
    for name, content in files.items():
        (folder / "certs" / name).write_bytes(content)
    return folder


def problems_of(folder: Path, files: dict[str, bytes], lines: str) -> tuple[Problem, ...]:
    return check_project(project_of(folder, files, lines)).problems


def link_of(folder: Path, files: dict[str, bytes], lines: str) -> Link | None:
    checked = check_project(project_of(folder, files, lines))
    assert checked.project is not None, checked.problems
    return checked.project.services["shop"].link


CASES = {
    # the files, the key of the problem, what is told, part of the remedy
    "missing": ("ca: certs/none.pem", "ca", "there is no file '", "Store it there"),
    "a folder": ("ca: certs", "ca", "can't be read", "gateway's user"),
    "no PEM": ("ca: certs/text.pem", "ca", "no certificate in PEM", "BEGIN CERTIFICATE"),
    "a key for an authority": ("ca: certs/mine.key", "ca", "no certificate in PEM", ""),
    "too large": ("ca: certs/large.pem", "ca", "has over 1048576 bytes", "PEM"),
    "damaged authority": ("ca: certs/broken.pem", "ca", "OpenSSL can't read", "anew"),
    "no certificate": (
        "cert: certs/text.pem, key: certs/mine.key", "cert", "no certificate in PEM", "x509",
    ),
    "no key": ("cert: certs/mine.pem, key: certs/mine.pem", "key", "no private key", "pkey"),
    "missing key": ("cert: certs/mine.pem, key: certs/none", "key", "there is no file", ""),
    "damaged certificate": (
        "cert: certs/broken.pem, key: certs/mine.key", "cert", "OpenSSL can't read", "",
    ),
    "damaged key": ("cert: certs/mine.pem, key: certs/broken.key", "key", "OpenSSL can't read", ""),
    "another's key": (
        "cert: certs/mine.pem, key: certs/other.key", "key", "not the key of", "key",
    ),
    "key under a password": (
        "cert: certs/mine.pem, key: certs/locked.key", "key", "under a password", "without",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_file_that_can_not_be_used_is_a_problem_at_its_place(
    tmp_path: Path, files: dict[str, bytes], case: str
) -> None:
    named, key, what, mend = CASES[case]
    line = f"tls: {{{named}}}"
    (problem,) = problems_of(tmp_path, files, line)
    assert problem.path == f"tls.{key}"
    assert problem.place.file == "services/shop.yaml"
    assert problem.place.column == line.index(f"{key}: ") + len(key) + 3
    assert what in problem.what
    assert mend in problem.mend


def test_faults_of_the_authority_and_of_the_certificate_are_reported_together(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    lines = "tls: {ca: certs/none, cert: certs/mine.pem, key: certs/other.key}"
    problems = problems_of(tmp_path, files, lines)
    assert [problem.path for problem in problems] == ["tls.ca", "tls.key"]


def test_file_that_the_gateway_may_not_read_is_a_problem(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project_of(tmp_path, files, "tls: {ca: /proc/self/mem}")  # root may read all else
    (problem,) = check_project(folder).problems
    assert "can't be read" in problem.what


def test_paths_begin_at_the_projects_folder_or_are_absolute(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    absolute = tmp_path / "certs/mine.key"
    lines = f"tls: {{ca: certs/ca.pem, cert: ./certs/mine.pem, key: {absolute}}}"
    link = link_of(tmp_path, files, lines)
    expected = [str(tmp_path / "certs" / name) for name in ("ca.pem", "mine.pem", "mine.key")]
    assert link == Link(TlsFiles(*expected))


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy:3128", Proxy("proxy", 3128)),
        ("http://proxy/", Proxy("proxy", 80)),
        ("http://[::1]:3128", Proxy("::1", 3128)),
        ("http://me:${secret.PW || 'p%40ss'}@proxy:1", Proxy("proxy", 1, "Basic bWU6cEBzcw==")),
    ],
)
def test_proxy_has_a_host_a_port_and_perhaps_credentials(
    tmp_path: Path, files: dict[str, bytes], url: str, proxy: Proxy
) -> None:
    assert link_of(tmp_path, files, f"proxy: {url}") == Link(None, proxy)


def test_credentials_of_a_proxy_are_not_shown() -> None:
    assert "bWU6" not in repr(Link(None, Proxy("proxy", 1, "Basic bWU6cEBzcw==")))


def test_service_without_a_link_of_its_own_has_none(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    assert link_of(tmp_path, files, "compression: on") is None


def test_files_may_be_secrets_which_are_read_with_the_release(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    lines = "tls: {ca: certs/ca.pem, cert: certs/mine.pem, key: '${secret.KEY}'}"
    folder = project_of(tmp_path, files, lines)

    def problems(key: bytes) -> list[str]:
        environment = Environment({"KEY": key.decode()})
        return [str(each) for each in check_project(folder, environment).problems]

    assert problems(files["mine.key"].rstrip()) == []
    assert check_project(folder).problems == ()  # what was not read is not judged
    at = "services/shop.yaml:2:52 tls.key: "
    (other,) = problems(files["other.key"])
    assert other.startswith(f"{at}the secret is not the key of the certificate in ")
    (nothing,) = problems(b"none")
    assert nothing.startswith(f"{at}the secret has no private key in PEM.")
    (locked,) = problems(LOCKED_KEY)
    assert locked.startswith(f"{at}the key in the secret is under a password.")
    (damaged,) = problems(NO_KEY)
    assert damaged.startswith(f"{at}OpenSSL can't read the secret ")
