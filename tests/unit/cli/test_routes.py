"""What `bff routes` shows."""

from pathlib import Path

from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import HOME, SHOP_SERVICE, write_project


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bff, arguments)


LONG = HOME.replace("/home/", f"/{'very-' * 20}long/")


def test_routes_lists_what_answers_where_a_line_each_however_long(tmp_path: Path) -> None:
    folder = write_project(
        tmp_path,
        {"home": HOME + "access: public\n", "long": LONG},
        gateway="routes: {/raw: {service: shop, access: public, max_body: 10MiB, timeout: 3s}}",
        access=None,
    )
    result = run("routes", "--project", str(folder))
    assert result.exit_code == 0
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "method path answered by access views cache scope purges limits",
        "GET /home/{user_id} composition home public deadline 5 s",
        f"GET /{'very-' * 20}long/{{user_id}} composition long denied: none is stated deadline 5 s",
        "any /raw/… service shop, prefix stripped public timeout 3 s, body 10 MiB",
        "GET /healthz the gateway public",
    ]


def test_routes_end_with_whose_word_counts_on_who_sends_a_request(tmp_path: Path) -> None:
    proxies = "trusted_proxies: {addresses: [10.0.0.0/8, fd00::1, unix], hops: 2}"
    folder = write_project(tmp_path, gateway=proxies)
    assert run("routes", "--project", str(folder)).stdout.splitlines()[-1] == (
        "clients are those that 10.0.0.0/8, fd00::1/128, UNIX sockets report, over 2 hops"
    )


IDENTITY = """
identity:
  jwt:
    - {issuer: https://a.example, audience: [shop, web], algorithms: [ES256], discovery: true}
    - issuer: https://b.example
      audience: [shop]
      algorithms: [RS256, PS256]
      keys: https://b.example/jwks.json
    - {issuer: c, audience: [shop], algorithms: [HS256], secret: "${secret.HS}"}
  introspection:
    issuer: https://id.example
    url: https://id.example/introspect
    client_id: shop
    client_secret: "${secret.ASK}"
    audience: any
  api_keys: {file: secrets/keys.json}
"""


def test_routes_end_with_what_callers_may_bring(tmp_path: Path) -> None:
    lines = run("routes", "--project", str(write_project(tmp_path, gateway=IDENTITY)))
    assert lines.stdout.splitlines()[4:] == [
        "callers by tokens of https://a.example for shop or web: ES256, keys by discovery",
        "callers by tokens of https://b.example for shop: RS256, PS256, keys of"
        " https://b.example/jwks.json",
        "callers by tokens of c for shop: HS256, a secret",
        "callers by tokens that https://id.example is asked about (https://id.example/introspect)"
        " for anybody: kept for 10 s",
        "callers by API keys in x-api-key, kept in the file keys.json",
    ]
    in_redis = "identity: {api_keys: {redis: true, header: X-Key}}\ncache: {namespace: shop}"
    lines = run("routes", "--project", str(write_project(tmp_path, gateway=in_redis)))
    assert lines.stdout.splitlines()[-1] == "callers by API keys in x-key, kept in Redis as shop"


def test_routes_show_for_how_long_and_by_whom_payloads_are_shared_and_what_is_purged(
    tmp_path: Path,
) -> None:
    mine = HOME.replace("${params.user_id}", "${claims.sub}").replace("/home/", "/mine/")
    write = HOME.replace("GET /home/", "POST /home/") + "purges: ['user:${user.id}', home]\n"
    cache = "cache: {ttl: 1m}\n"
    folder = write_project(
        tmp_path,
        {"home": HOME + cache, "mine": mine + cache, "write": write},
        gateway="defaults: {access: public}\n"
        "routes: {/raw: {service: shop, purges: [users, orders]}}",
    )
    lines = run("routes", "--project", str(folder)).stdout.splitlines()
    assert [" ".join(line.split()[4:]) for line in lines[1:-1]] == [
        "public 60 s public deadline 5 s",
        "public user:${user.id}, home deadline 5 s",
        "public 60 s identity deadline 5 s",
        "prefix stripped public users, orders timeout 2 s",
    ]


def test_routes_show_what_passes_beside_the_usual(tmp_path: Path) -> None:
    route = "service: shop, forward: [X-Api-Key, X-Tenant], return: [Server], cookies: [cart]"
    folder = write_project(
        tmp_path,
        {"home": HOME},
        gateway=f"routes: {{/raw: {{{route}, expose: [Link]}}}}\n"
        "cors: {origins: [https://a.example]}",
    )
    lines = run("routes", "--project", str(folder)).stdout.splitlines()
    assert (
        "service shop, prefix stripped, forward x-api-key x-tenant, return server, cookies cart,"
        " expose Link, cors https://a.example  public"
    ) in lines[2]


def test_routes_show_how_their_services_are_connected_to_without_secrets(tmp_path: Path) -> None:
    own = "base: http://127.0.0.1:9\nproxy: http://me:${secret.PW}@proxy:3128\ncompression: on\n"
    folder = write_project(
        tmp_path,
        services={"shop": SHOP_SERVICE.replace("base: http://127.0.0.1:9\n", own)},
        gateway="routes: {/raw: {service: shop}}",
    )
    (line,) = [
        line
        for line in run("routes", "--project", str(folder)).stdout.splitlines()
        if line.startswith("any")
    ]
    assert "service shop (by the proxy http://proxy:3128, with credentials), prefix" in line
    assert "secret" not in line


def test_routes_stand_in_the_order_in_which_they_match(tmp_path: Path) -> None:
    def at(path: str) -> str:
        return HOME.replace("/home/{user_id}", path)

    folder = write_project(
        tmp_path,
        {
            "any": at("/a/{user_id}"),
            "static": at("/a/~/{user_id}"),  # `~` sorts after `{`
            "post": at("/a/{user_id}").replace("GET", "POST"),
        },
        gateway="routes: {/raw: {service: shop}, /raw/orders: {service: shop}}",
    )
    result = run("routes", "--project", str(folder))
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["GET", "/a/~/{user_id}"],
        ["GET", "/a/{user_id}"],
        ["POST", "/a/{user_id}"],
        ["any", "/raw/orders/…"],
        ["any", "/raw/…"],
        ["GET", "/healthz"],
    ]


def test_routes_and_plans_show_who_may_call_what(tmp_path: Path) -> None:
    roles = "roles: {any: [support, admin], all: [staff]}"
    rules = f"{{{roles}, scopes: {{all: [a.read]}}, when: '${{claims.vip}}'}}"
    compositions = {
        "open": f"access: public\n{HOME}",
        "members": f"access: authenticated\n{HOME.replace('/home/', '/members/')}",
        "staff": f"access: {rules}\n{HOME.replace('/home/', '/staff/')}",
        "denied": HOME.replace("/home/", "/denied/"),
    }
    folder = str(write_project(tmp_path, compositions, access=None))
    shown = {
        "open": "public",
        "members": "authenticated",
        "staff": "roles any of support, admin; roles all of staff; scopes all of a.read;"
        " when ${claims.vip}",
        "denied": "denied: none is stated",
    }
    table = run("routes", "--project", folder).stdout
    for name, access in shown.items():
        (line,) = (each for each in table.splitlines() if f"composition {name} " in each)
        assert access in line
        assert f"  access: {access}\n" in run("plan", name, "--project", folder).stdout
