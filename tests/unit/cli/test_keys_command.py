"""`bff keys`, as a terminal and a machine see it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from bff.identity.api_keys.records import read_table
from bff.identity.api_keys.texts import digest_of, is_whole
from tests.integration.docs.test_running_docs import KEYS
from tests.support.projects import SHOP_SCHEMAS, write_project
from tests.support.redis.server import RedisServer
from tests.support.telemetry.log_lines import of, read_lines

IN_FILE = "identity: {claims: 'schemas.auth:Claims', api_keys: {file: keys.json}}"
IN_REDIS = "identity: {api_keys: {redis: true}}\ncache: {namespace: shop}"
AUTH = """
from pydantic import BaseModel


class Claims(BaseModel):
    tenant: str | None = None
    level: int = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path, gateway=IN_FILE, schemas={"shop": SHOP_SCHEMAS, "auth": AUTH})


def keys(folder: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(
        bff, ("keys", *words), env={"BFF_PROJECT": str(folder), "BFF_REDIS_URL": None, **environ}
    )


def done(folder: Path, *words: str, **environ: str) -> Result:
    result = keys(folder, *words, **environ)
    assert result.exit_code == 0, result.output
    return result


def listed(folder: Path, **environ: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(done(folder, "list", "--json", **environ).stdout)
    return found


def audit_of(result: Result) -> dict[str, object]:
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("{")]
    (found,) = of("audit", read_lines(line))
    return {name: found[name] for name in ("event.action", "event.outcome", "bff.key")}


def test_key_alone_is_on_standard_output_and_all_else_is_beside_it(project: Path) -> None:
    result = done(project, "add", "--id", "partner-1", "--role", "partner", "--expires", "90d")
    key = result.stdout.removesuffix("\n")
    assert is_whole(key)
    assert key not in result.stderr
    assert audit_of(result) == {
        "event.action": "key added",
        "event.outcome": "success",
        "bff.key": "partner-1",
    }
    assert re.search(
        r"^This key is shown this once\. Callers send it as x-api-key\. It expires at \S+Z\.$",
        result.stderr,
        re.MULTILINE,
    )
    stored = (project / "keys.json").read_text()
    assert key not in stored
    assert digest_of(key).hex() in stored


def test_list_shows_what_is_known_of_keys_and_neither_a_key_nor_a_hash(project: Path) -> None:
    made = [
        done(project, "add", "--id", "a", "--role", "x", "--role", "y", "--scope", "s"),
        done(project, "add", "--id", "b", "--claim", "tenant=acme=1", "--claim", "level:=3"),
        done(project, "add", "--id", "c", "--expires", "0s"),
        done(project, "rotate", "a", "--grace", "1h"),
    ]
    done(project, "revoke", "b")
    lines = done(project, "list").stdout.splitlines()
    at = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    for line, wanted in zip(
        lines,
        [
            r"id +roles +scopes +created +expires +state",
            rf"a +x, y +s +{at} +never +good, and so is the one before until {at}",
            rf"b +{at} +never +revoked at {at}",
            rf"c +{at} +{at} +expired",
        ],
        strict=True,
    ):
        assert re.fullmatch(wanted, line), line
    found = listed(project)
    assert [each["state"] for each in found] == ["good", "revoked", "expired"]
    assert found[1]["claims"] == {"tenant": "acme=1", "level": 3}
    assert found[0].keys() == {
        "id", "roles", "scopes", "claims", "created", "expires", "state", "revoked", "before_ends",
    }  # fmt: skip
    shown = "\n".join(lines) + json.dumps(found)
    for result in made:
        key = result.stdout.strip()
        assert key not in shown
        assert digest_of(key).hex() not in shown


def test_list_of_no_keys_is_a_head_and_an_empty_list(project: Path) -> None:
    assert done(project, "list").stdout.split() == [
        "id", "roles", "scopes", "created", "expires", "state",
    ]  # fmt: skip
    assert listed(project) == []


def test_rotation_says_until_when_the_key_before_is_good(project: Path) -> None:
    first = done(project, "add", "--id", "a").stdout
    result = done(project, "rotate", "a")
    assert result.stdout != first
    assert audit_of(result) == {
        "event.action": "key rotated",
        "event.outcome": "success",
        "bff.key": "a",
    }
    assert re.search(
        r"This key is shown this once, and never expires\. The one before ends at", result.stderr
    )
    refused = keys(project, "rotate", "a")
    assert refused.exit_code == 1
    assert "has two secrets until" in refused.stderr
    assert audit_of(refused)["event.outcome"] == "failure"
    result = done(project, "rotate", "a", "--grace", "0s", "--expires", "1d")
    assert "This key is shown this once, and expires at" in result.stderr
    assert listed(project)[0]["before_ends"] is None


def test_revocation_is_reported(project: Path) -> None:
    done(project, "add", "--id", "a")
    result = done(project, "revoke", "a")
    assert result.stdout == ""
    assert result.stderr.endswith("a is revoked.\n")
    assert audit_of(result) == {
        "event.action": "key revoked",
        "event.outcome": "success",
        "bff.key": "a",
    }


REFUSED = {
    "no id": (("add",), 2, "Missing option '--id'"),
    "an id with a blank": (("add", "--id", "a b"), 1, "--id: 1 to 64 letters"),
    "a role with a blank": (("add", "--id", "a", "--role", "a b"), 1, "--role: 1 to 200 visible"),
    "a duration without a unit": (
        ("add", "--id", "a", "--expires", "90"), 2,
        "Invalid value for '--expires': '90' is no duration: write 90d, 12h, 30m or 45s.",
    ),
    "a duration of ages": (("add", "--id", "a", "--expires", "3651d"), 2, "3650d at most."),
    "a negative grace": (("rotate", "a", "--grace", "-1h"), 2, "'-1h' is no duration"),
    "a claim without a value": (
        ("add", "--id", "a", "--claim", "tenant"), 2,
        "'tenant' is no NAME=TEXT and no NAME:=JSON.",
    ),
    "a claim twice": (
        ("add", "--id", "a", "--claim", "x=1", "--claim", "x=2"), 2, "claim 'x' stands twice.",
    ),
    "a claim that is no JSON": (
        ("add", "--id", "a", "--claim", "x:=y"), 2, "claim 'x' is no JSON; NAME=TEXT is a text.",
    ),
    "claims of another type": (
        ("add", "--id", "a", "--claim", "level=high"), 1,
        "the claims are none of schemas.auth:Claims, so the gateway would refuse the key: ",
    ),
    "nobody to revoke": (("revoke", "a"), 1, "There is no key 'a'."),
    "nobody to rotate": (("rotate", "a"), 1, "There is no key 'a'."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_command_that_makes_no_sense_is_refused_and_changes_nothing(
    case: str, project: Path
) -> None:
    words, status, message = REFUSED[case]
    result = keys(project, *words)
    assert result.exit_code == status
    assert message in result.stderr
    assert result.stdout == ""
    assert not (project / "keys.json").exists()


def test_file_that_others_may_read_is_refused_by_each_command(project: Path) -> None:
    done(project, "add", "--id", "a")
    (project / "keys.json").chmod(0o644)
    for words in (("list",), ("add", "--id", "b"), ("revoke", "a"), ("rotate", "a")):
        result = keys(project, *words)
        assert result.exit_code == 1
        assert "its mode is 0644. Set it by `chmod 600 " in result.stderr
        assert "Traceback" not in result.output


def test_project_without_keys_and_one_with_problems_end_the_command(tmp_path: Path) -> None:
    result = keys(write_project(tmp_path), "list")
    assert result.exit_code == 1
    assert "the project has no API keys. Write `identity: {api_keys: {file: " in result.stderr
    (tmp_path / "gateway.yaml").write_text("identity: {api_keys: {}}")
    result = keys(tmp_path, "list")
    assert (result.exit_code, result.stdout.startswith("gateway.yaml:1:12 ")) == (1, True)


def test_path_of_the_file_may_come_from_an_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS_FILE", "")  # `--env-file` sets it in this process, which ends here
    monkeypatch.delenv("KEYS_FILE")
    write_project(tmp_path, gateway="identity: {api_keys: {file: '${env.KEYS_FILE}'}}")
    (tmp_path / "my.env").write_text(f"KEYS_FILE={tmp_path / 'elsewhere.json'}\n")
    done(tmp_path, "add", "--id", "a", "--env-file", str(tmp_path / "my.env"))
    assert read_table((tmp_path / "elsewhere.json").read_bytes(), "").find("a") is not None


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


def test_keys_in_redis_are_those_of_the_projects_namespace(
    tmp_path: Path, server: RedisServer
) -> None:
    write_project(tmp_path, gateway=IN_REDIS)
    result = keys(tmp_path, "list")
    assert result.exit_code == 1
    assert "keys are kept in the Redis of BFF_REDIS_URL: set it." in result.stderr
    environ = {"BFF_REDIS_URL": server.url}
    key = done(tmp_path, "add", "--id", "a", "--role", "partner", **environ).stdout.strip()
    assert listed(tmp_path, **environ)[0]["roles"] == ["partner"]
    done(tmp_path, "rotate", "a", **environ)
    done(tmp_path, "revoke", "a", **environ)
    assert listed(tmp_path, **environ)[0]["state"] == "revoked"
    with server.client() as client:
        (name,) = client.keys()
        assert key.encode() not in b"".join(client.hgetall(name).values())
    (tmp_path / "gateway.yaml").write_text(IN_REDIS.replace("shop", "other"))
    assert listed(tmp_path, **environ) == []
    gone = {"BFF_REDIS_URL": "redis://127.0.0.1:1"}
    result = keys(tmp_path, "list", **gone)
    assert result.exit_code == 1
    assert "Redis did not answer" in result.stderr


def test_commands_of_the_document_do_what_it_says(project: Path) -> None:
    assert [each.split()[2] for each in KEYS] == ["add", "list", "list", "rotate", "revoke"]
    for command in KEYS:
        done(project, *command.split()[2:])
    (found,) = listed(project)
    assert (found["id"], found["state"], found["claims"]) == (
        "partner-1", "revoked", {"tenant": "acme", "level": 3},
    )  # fmt: skip
