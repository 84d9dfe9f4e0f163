"""What the documents promise holds: every key is described, every example compiles."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bff.declarations import models
from bff.declarations.declaration import Declaration
from bff.declarations.models.access import AccessRules, RolesDecl, ScopesDecl
from bff.declarations.models.api_keys import ApiKeysDecl
from bff.declarations.models.auth import (
    ApiKeyDecl,
    AuthDecl,
    BasicDecl,
    ClientCredentialsDecl,
    ExchangeDecl,
)
from bff.declarations.models.caching import CacheDecl, FieldsDecl
from bff.declarations.models.composition import CompositionFile, ShapeViewDecl
from bff.declarations.models.gateway import (
    BudgetDecl,
    CorsDecl,
    GatewayCacheDecl,
    GatewayDefaults,
    GatewayFile,
    RouteDecl,
)
from bff.declarations.models.identity import IdentityDecl
from bff.declarations.models.introspection import IntrospectionDecl
from bff.declarations.models.jwt import JwtIssuerDecl
from bff.declarations.models.limits import LimitDecl
from bff.declarations.models.paging import PaginateDecl
from bff.declarations.models.param import ItemsDecl, OperationParamDecl, ParamDecl, ScalarDecl
from bff.declarations.models.replies import ReplyHeaderDecl
from bff.declarations.models.service import OperationDecl, ServiceFile, TlsDecl
from bff.declarations.models.sessions import SessionsDecl
from bff.declarations.models.slo import SloDecl
from bff.declarations.models.statuses import ErrorReplyDecl, FailWhenDecl
from bff.declarations.models.step import BatchDecl, FallbackDecl, ForEachDecl, JoinDecl, StepDecl
from bff.declarations.models.trusted_proxies import TrustedProxiesDecl
from bff.plan.compiler.project import check_project
from tests.support.docs.markdown import anchors_of

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs/project-files.md").read_text(encoding="utf-8")

# Each model of the declarations, and the heading that describes its keys.
SECTIONS = {
    GatewayFile: "gateway.yaml",
    GatewayDefaults: "defaults",
    BudgetDecl: "budget",
    RouteDecl: "routes",
    CorsDecl: "cors",
    IdentityDecl: "identity",
    JwtIssuerDecl: "jwt",
    SessionsDecl: "sessions",
    ApiKeysDecl: "api_keys",
    IntrospectionDecl: "introspection",
    AccessRules: "Access",
    RolesDecl: "Roles and scopes",
    ScopesDecl: "Roles and scopes",
    TrustedProxiesDecl: "trusted_proxies",
    LimitDecl: "Limits",
    GatewayCacheDecl: "cache of the project",
    ServiceFile: "services/&lt;name&gt;.yaml",
    TlsDecl: "tls",
    AuthDecl: "auth",
    BasicDecl: "basic",
    ApiKeyDecl: "api_key",
    ClientCredentialsDecl: "client_credentials",
    ExchangeDecl: "exchange",
    OperationDecl: "An operation",
    ParamDecl: "Params",
    OperationParamDecl: "Params",
    ItemsDecl: "Params",
    CompositionFile: "compositions/**/&lt;name&gt;.yaml",
    SloDecl: "slo",
    StepDecl: "A step",
    ErrorReplyDecl: "statuses",
    FailWhenDecl: "fail_when",
    ReplyHeaderDecl: "reply_headers",
    FallbackDecl: "on_failure",
    BatchDecl: "batch",
    PaginateDecl: "paginate",
    ForEachDecl: "for_each",
    JoinDecl: "joins",
    ShapeViewDecl: "views",
    CacheDecl: "cache",
    FieldsDecl: "fields",
}


def test_every_model_of_the_declarations_has_a_section() -> None:
    declared = {
        each
        for module in pkgutil.iter_modules(models.__path__, f"{models.__name__}.")
        for each in vars(importlib.import_module(module.name)).values()
        if isinstance(each, type)
        and issubclass(each, Declaration)
        and each not in (Declaration, ScalarDecl)
    }
    assert declared == set(SECTIONS)


@pytest.mark.parametrize("model", SECTIONS, ids=lambda model: model.__name__)
def test_every_key_stands_in_its_section(model: type[BaseModel]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert keys <= keys_in(SECTIONS[model])


@pytest.mark.parametrize("title", sorted(set(SECTIONS.values())))
def test_no_section_describes_a_key_that_is_not_there(title: str) -> None:
    known = {
        field.alias or name
        for model, section in SECTIONS.items()
        if section == title
        for name, field in model.model_fields.items()
    }
    assert keys_in(title) == known


def keys_in(title: str) -> set[str]:
    """The keys in the first column of the tables under a heading."""
    section = re.split(r"^#+ ", REFERENCE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {key for row in rows for key in re.findall(r"`([a-z_]+)`", row)}


def test_the_references_examples_are_a_project_without_a_problem(tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", REFERENCE, flags=re.M | re.S)
    assert len(examples) == REFERENCE.count("```yaml")
    for file, text in [*examples, *SCHEMAS.items()]:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    checked = check_project(tmp_path)
    assert [str(problem) for problem in checked.problems] == []
    assert checked.compositions == sum(file.startswith("compositions/") for file, _ in examples)


SCHEMAS = {
    "schemas/catalog.py": """
from pydantic import BaseModel


class Product(BaseModel):
    id: int
    title: str


class ProductPage(BaseModel):
    products: list[Product]


class ProductSlice(BaseModel):
    products: list[Product]
    next_cursor: str | None


class Review(BaseModel):
    product_id: int
    author_id: int
    text: str


class Author(BaseModel):
    name: str


class Filter(BaseModel):
    state: str | None = None
    ids: list[int] = []


class Charge(BaseModel):
    id: str
    amount: int


class Changes(BaseModel):
    note: str | None = None


class ProfileAttributes(BaseModel):
    nickname: str | None = None


class Profile(BaseModel):
    id: str
    attributes: ProfileAttributes


class ProfileDocument(BaseModel):
    data: Profile


class Stock(BaseModel):
    product_id: int
    left: int
""",
    "schemas/forms.py": """
from pydantic import BaseModel


class Message(BaseModel):
    id: int


class Field(BaseModel):
    name: str
    problem: str


class Invalid(BaseModel):
    fields: list[Field]
""",
}


def test_sample_project_compiles_without_a_problem() -> None:
    assert [str(problem) for problem in check_project(ROOT).problems] == []


def test_every_local_link_leads_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        page = document.read_text("utf-8")
        for label, target, anchor in re.findall(r"(\w*)`?\]\((?!https?:)([^)#]*)#?([^)]*)\)", page):
            path = document.parent / target if target else document
            assert path.exists(), f"{document.name}: {target}"
            if path.stem.startswith("test_"):
                names = (path.stem, path.stem.removeprefix("test_"))
                assert label in names, f"{document.name}: {label} is {target}"
            if anchor:
                known = anchors_of(path.read_text("utf-8"))
                assert anchor in known, f"{document.name}: {target}#{anchor}"


CONTRIBUTING = (ROOT / "docs/contributing.md").read_text("utf-8")


def test_every_file_of_the_repository_that_a_page_names_exists() -> None:
    """The tutorial names files of a project of one's own."""
    folders = "bff|tests|docs|house|examples|bench"
    pages = {*(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/tutorial.md"}
    named = {
        name
        for page in pages
        for name in re.findall(rf"`((?:{folders})/[a-z0-9_/.-]*)[`:]", page.read_text("utf-8"))
    }
    assert len(named) > 150
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_test_that_the_contributors_page_names_exists() -> None:
    named = re.findall(r"`(tests/[^`]*)::(test_\w+)`", CONTRIBUTING)
    assert len(named) > 8
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"


def test_code_that_the_contributors_page_shows_is_that_of_its_file() -> None:
    blocks = re.findall(r"```python\n(.*?)```", CONTRIBUTING, flags=re.S)
    assert blocks
    shown = [part for block in blocks for part in block.split("# ")[1:]]
    for part in shown:
        file, _, code = part.partition("\n")
        text = (ROOT / file).read_text("utf-8")
        assert [line for line in code.splitlines() if line not in text] == [], file


def test_every_name_of_code_that_the_contributors_page_names_exists() -> None:
    files = [*(ROOT / "bff").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    code = "".join(path.read_text("utf-8") for path in files)
    named = re.findall(r"`([A-Z]\w*(?:\.\w+)*|[a-z]+(?:_[a-z]+)+)`", CONTRIBUTING)
    for name in set(named) - {"CHANGELOG.md"}:
        for part in name.split("."):
            assert re.search(rf"\b{part}\b", code), name
