"""`X_A` and `X.A` are names of their own: in no host does one of them stand for `X-A`, which the
gateway sets or trusts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.identity.ports import NOBODY, CallerRequest, Identity
from tests.support.gateway.hosts import HOSTS, Host, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

WHO = """
    endpoint: GET /who
    params:
      x-tenant: {in: header, type: string, required: false}
      x.shop: {in: header, type: string, required: false}
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    response: {user: '${claims.name}', tenant: '${params."x-tenant"}', shop: '${params."x.shop"}'}
    """


class ByHeader:
    """Believes what a proxy in front says of its caller."""

    headers = ("x-user",)

    def identify(self, request: CallerRequest) -> Identity:
        names = request.header_values("x-user")
        return Identity(names[0], {"name": names[0]}) if names else NOBODY

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


@pytest.fixture
def upstream() -> Iterator[WireServer]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as server:
        yield server


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path, upstream: WireServer) -> Iterator[Host]:
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
    gateway = "routes: {/raw: {service: shop, strip: true}}\n"
    write_project(tmp_path, {"who": WHO}, services=services, gateway=gateway)
    with serving(request.param, tmp_path, identity=ByHeader()) as host:
        yield host


@pytest.mark.parametrize("spelled", ["X_User", "x_user", "X.User"])
def test_caller_is_not_who_a_folded_name_says(host: Host, spelled: str) -> None:
    assert host.request("GET", "/who", [(spelled, "root")]).json()["user"] is None
    both = [(spelled, "root"), ("X-User", "ann"), (spelled, "root")]
    assert host.request("GET", "/who", both).json()["user"] == "ann"


@pytest.mark.parametrize("spelled", ["X_Tenant", "X.Tenant"])
def test_param_is_not_what_a_folded_name_says(host: Host, spelled: str) -> None:
    assert host.request("GET", "/who", [(spelled, "other")]).json()["tenant"] is None


def test_name_that_folds_onto_nothing_passes_where_it_is_declared(host: Host) -> None:
    assert host.request("GET", "/who", [("X.Shop", "hats")]).json()["shop"] == "hats"


@pytest.mark.parametrize("mark", ["_", "."])
def test_service_gets_what_the_gateway_sets_and_nothing_that_folds_onto_it(
    host: Host, upstream: WireServer, mark: str
) -> None:
    trusted = ["X-Request-ID", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-User"]
    folded = [(name.replace("-", mark), "evil") for name in trusted]
    answer = host.request("GET", "/raw/x", folded)
    assert answer.header("x-request-id") not in (None, "evil")
    (seen,) = upstream.requests
    names = [name for name, _ in seen.headers]
    assert "evil" not in str(seen.headers)
    assert names.count("x-request-id") == names.count("x-forwarded-for") == 1
