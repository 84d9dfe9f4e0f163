"""`${env.NAME}` and `${secret.NAME}` in a project's files: what they stand for, and where."""

import asyncio
import pickle
from pathlib import Path

import pytest

from bff.environment import LARGEST_VALUE, Environment
from bff.errors import ProjectError, SettingsError
from bff.plan.compiler.project import CheckResult, check_project, compile_project
from bff.plan.model.composition import CompiledProject
from bff.secret import Secret
from bff.settings import Settings
from bff.web.gateway import Gateway
from tests.support.projects import HOME, SHOP_SERVICE, write_project

CANARY = "canary-3f9a"


def service_of(lines: str) -> str:
    """The shop, with these lines in the place of its address."""
    return SHOP_SERVICE.replace("base: http://127.0.0.1:9", lines)


def checked(
    folder: Path,
    lines: str,
    variables: dict[str, str] | None = None,
    *,
    secrets: dict[str, bytes] | None = None,
    home: str = HOME,
    gateway: str = "",
) -> CheckResult:
    """The check of a shop with these lines; without variables and secrets, nothing is read."""
    write_project(folder, {"home": home}, services={"shop": service_of(lines)}, gateway=gateway)
    if variables is None and secrets is None:
        return check_project(folder)
    mounted = folder / "mounted"
    mounted.mkdir()
    for name, content in (secrets or {}).items():
        (mounted / name).write_bytes(content)
    return check_project(folder, Environment(variables or {}, mounted))


def said(result: CheckResult) -> list[str]:
    return [str(problem) for problem in result.problems]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("${env.URL}", "http://orders:1"),
        ("${ env . URL || 'http://other' }", "http://orders:1"),
        ("http://${env.HOST || 'shop'}:${env.PORT}", "http://shop:81"),
        ("http://shop:${env.NONE || `82`}", "http://shop:82"),
        ("http://${env.NONE || env.EMPTY || env.NAME}", "http://named"),
        ("""${env."URL"}""", "http://orders:1"),
        (r"http://shop/${env.NONE || 'a\'b'}", "http://shop/a'b"),
    ],
)
def test_name_of_the_environment_stands_for_its_variable_or_its_default(
    tmp_path: Path, base: str, url: str
) -> None:
    """An empty variable counts as one that is not set, as for the gateway's own settings."""
    variables = {"URL": "http://orders:1", "PORT": "81", "EMPTY": "", "NAME": "named"}
    result = checked(tmp_path, f"base: >-\n  {base}", variables)
    assert result.project is not None, said(result)
    assert result.project.services["shop"].instances == (url,)


def test_value_of_the_environment_is_a_number_or_a_boolean_where_one_is_wanted(
    tmp_path: Path,
) -> None:
    gateway = """
    cors: {origins: ["${env.PAGES}"]}
    routes: {/raw: {service: shop, strip: "${env.STRIP}", timeout: "${env.TIMEOUT || '3s'}"}}
    """
    service = service_of("base: http://shop").replace(
        "minimum: 1}", """minimum: "${env.LEAST}", maximum: "${env.MOST || '0x10'}"}"""
    )
    variables = {"PAGES": "https://shop.test", "STRIP": "false", "LEAST": "5"}
    write_project(tmp_path, services={"shop": service}, gateway=gateway)
    project = compile_project(tmp_path, Environment(variables))
    assert project.cors.origins == {"https://shop.test"}
    assert (project.routes[0].strip, project.routes[0].timeout_seconds) == (False, 3.0)
    check = project.compositions[0].steps[0].operation.params[0].check
    assert [check(5), check(16)] == [5, 16]
    for outside in (4, 17):
        with pytest.raises(ValueError, match=r"5|16"):
            check(outside)


@pytest.mark.parametrize(("text", "default"), [("20", 20), ("many", None)])
def test_default_of_a_param_from_the_environment_is_of_the_params_type(
    tmp_path: Path, text: str, default: int | None
) -> None:
    service = service_of("base: http://shop").replace(
        "default: 10", """default: "${env.LIMIT || '10'}" """
    )
    home = HOME + "  orders: {call: shop.list_orders, with: {user_id: '${params.user_id}'}}\n"
    write_project(tmp_path, {"home": home}, services={"shop": service})
    result = check_project(tmp_path, Environment({"LIMIT": text}))
    if default is None:
        assert [problem.path for problem in result.problems] == [
            "operations.list_orders.params.limit.default"
        ]
        return
    assert result.project is not None, said(result)
    _, limit = result.project.compositions[0].steps[1].operation.params
    assert limit.default == default


def test_value_that_breaks_its_key_is_a_problem_of_that_key(tmp_path: Path) -> None:
    lines = 'base: "${env.URL}"\ntimeout: "${env.TIMEOUT}"'
    (url, timeout) = said(checked(tmp_path, lines, {"URL": "shop:1", "TIMEOUT": "soon"}))
    assert url == (
        "services/shop.yaml:1:7 base: this is no http address."
        " Write it whole: http://127.0.0.1:9102."
    )
    assert timeout.startswith("services/shop.yaml:2:10 timeout: this is no duration.")


def test_without_an_environment_the_rest_is_judged_and_what_is_wanted_is_listed(
    tmp_path: Path,
) -> None:
    lines = 'base: "${env.URL}"\ntimeout: "${env.TIMEOUT || env.T}"'
    result = checked(tmp_path, lines, home=HOME.replace("get_user", "get_usr"))
    assert [problem.path for problem in result.problems] == ["steps.user.call"]
    assert [(each.name, each.place.line, each.place.column) for each in result.wanted] == [
        ("env.TIMEOUT", 2, 13),
        ("env.URL", 1, 10),
    ]


def test_default_is_judged_without_an_environment(tmp_path: Path) -> None:
    result = checked(tmp_path, "base: \"${env.URL || 'shop:1'}\"")
    assert said(result) == [
        "services/shop.yaml:1:7 base: this is no http address."
        " Write it whole: http://127.0.0.1:9102."
    ]
    assert result.wanted == ()


def test_every_name_that_is_missing_is_a_problem_at_each_of_its_places(tmp_path: Path) -> None:
    lines = 'instances: ["http://${env.HOST}:1", "http://${env.HOST}:2"]\ntimeout: "${env.T}"'
    gateway = "cors: {origins: ['${env.PAGES || env.OTHER}']}"
    result = checked(tmp_path, lines, {}, gateway=gateway)
    assert said(result) == [
        "gateway.yaml:1:21 cors.origins[0]: env.PAGES and env.OTHER are not set."
        " Set the variable PAGES, or give a default: ${env.PAGES || 'text'}.",
        "services/shop.yaml:1:23 instances[0]: env.HOST is not set."
        " Set the variable HOST, or give a default: ${env.HOST || 'text'}.",
        "services/shop.yaml:1:47 instances[1]: env.HOST is not set."
        " Set the variable HOST, or give a default: ${env.HOST || 'text'}.",
        "services/shop.yaml:2:13 timeout: env.T is not set."
        " Set the variable T, or give a default: ${env.T || 'text'}.",
    ]
    with pytest.raises(ProjectError, match=r"env\.HOST is not set"):
        compile_project(tmp_path, Environment({}))


@pytest.mark.parametrize("name", ["env", "secret"])
def test_step_is_not_called_as_the_environment_is(tmp_path: Path, name: str) -> None:
    home = HOME.replace("  user:", f"  {name}:")
    (problem,) = check_project(write_project(tmp_path, {"home": home})).problems
    assert problem.what == f"'{name}' has a meaning of its own in expressions"


# ------------------------------------------------------------------------------------ secrets


def test_secret_is_a_file_of_its_name_or_else_a_variable(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_bytes(b"from the file\n")
    (tmp_path / "crlf").write_bytes(b"two\r\n\r\n")
    (tmp_path / "EMPTY").write_bytes(b"\n")
    variables = {"TOKEN": "from a variable", "OTHER": "other", "EMPTY": "", "LINE": "kept\n"}
    environment = Environment(variables, tmp_path)
    assert environment.read("secret", "TOKEN") == Secret("from the file")
    assert environment.read("secret", "crlf") == Secret("two\r\n")
    assert environment.read("secret", "OTHER") == Secret("other")
    assert environment.read("secret", "LINE") == Secret("kept\n")
    assert environment.read("secret", "EMPTY") is None
    assert environment.read("secret", "NONE") is None
    assert environment.read("env", "TOKEN") == "from a variable"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"x" * (LARGEST_VALUE + 1), f"has over {LARGEST_VALUE} bytes"),
        (b"caf\xe9", "is not UTF-8"),
        (None, "can't be read: Is a directory"),
    ],
)
def test_secret_that_can_not_be_used_is_a_problem_without_its_content(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    write_project(tmp_path, services={"shop": service_of("base: http://s\nproxy: '${secret.P}'")})
    file = tmp_path / "P"
    file.mkdir() if content is None else file.write_bytes(content)
    (problem,) = check_project(tmp_path, Environment({}, tmp_path)).problems
    assert (problem.path, problem.place.column) == ("proxy", 11)
    assert problem.what == f"the file {file} {what}"


def test_folder_of_secrets_that_is_not_there_is_a_problem_though_a_variable_is(
    tmp_path: Path,
) -> None:
    """Else a mount that is missing would go unseen."""
    write_project(tmp_path, services={"shop": service_of("base: http://s\nproxy: '${secret.P}'")})
    environment = Environment({"P": "http://proxy:1"}, tmp_path / "none")
    (problem,) = check_project(tmp_path, environment).problems
    assert problem.what == f"BFF_SECRETS_DIR names no folder: {tmp_path / 'none'}"


@pytest.mark.parametrize("name", ["env.TOKEN", "secret.TOKEN"])
def test_variable_that_is_not_utf8_is_a_problem_without_its_value(
    tmp_path: Path, name: str
) -> None:
    value = b"canary\xe9".decode("utf-8", "surrogateescape")  # as `os.environ` has it
    own = f"base: http://s\nheaders: {{X-A: '${{{name}}}'}}"
    (problem,) = said(checked(tmp_path, own, {"TOKEN": value}))
    assert "the variable TOKEN is not UTF-8. Set it as UTF-8." in problem
    assert "canary" not in problem


def test_variable_that_is_too_long_is_a_problem(tmp_path: Path) -> None:
    result = checked(tmp_path, "base: '${env.URL}'", {"URL": "x" * (LARGEST_VALUE + 1)})
    assert "the variable URL has over 65536 bytes" in said(result)[0]


def test_values_of_a_file_are_bounded_together(tmp_path: Path) -> None:
    value = "x" * LARGEST_VALUE
    tags = ", ".join(["'${env.LONG}'"] * 17)
    result = checked(tmp_path, f"base: http://s\nheaders: [{tags}]", {"LONG": value})
    assert said(result)[-1] == (
        "services/shop.yaml:2:252 headers[16]: the values of the environment have over 1048576"
        " characters in this file. Set shorter ones, or refer to them less."
    )


def test_secret_that_is_missing_says_where_it_belongs(tmp_path: Path) -> None:
    result = checked(tmp_path, "base: http://s\nproxy: 'http://me:${secret.PW}@proxy:1'", {})
    assert said(result) == [
        "services/shop.yaml:2:21 proxy: secret.PW is not set."
        " Store it as PW in BFF_SECRETS_DIR, or set the variable PW."
    ]


def test_secret_shows_nowhere() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret:>9}"]
    assert not any(CANARY in text for text in shown)
    assert secret.reveal() == CANARY
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert (secret == Secret(CANARY), secret == Secret("b"), secret == CANARY) == (
        True,
        False,
        False,
    )


def test_fingerprint_of_a_secret_depends_on_it_and_on_the_key_alone() -> None:
    marks = [Secret(text).fingerprint(key) for text, key in (("a", "k"), ("b", "k"), ("a", "l"))]
    assert len(set(marks)) == 3
    assert Secret("a").fingerprint("k") == marks[0]
    assert all(len(mark) == 40 for mark in marks)


def test_project_that_wants_something_of_an_environment_is_not_served(tmp_path: Path) -> None:
    """It can be shown; a service without an address would fail in a request."""

    async def serve(project: CompiledProject) -> None:
        gateway = Gateway(project, Settings())
        try:
            await gateway.open()
        finally:
            await gateway.close()

    service = service_of('base: "${env.URL}"\nauth: {bearer: "${secret.T}"}')
    write_project(tmp_path, services={"shop": service})
    with pytest.raises(SettingsError, match=r"wants env\.URL, secret\.T$"):
        asyncio.run(serve(compile_project(tmp_path)))
    asyncio.run(serve(compile_project(tmp_path, Environment({"URL": "http://h", "T": "t"}))))
