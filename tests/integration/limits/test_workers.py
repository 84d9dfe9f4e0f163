"""A limit over the workers of `bff serve`, which share a Redis, and many connections."""

import http.client
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.gateway.serving import gateways, on_linux
from tests.support.projects import write_project

pytestmark = on_linux

# Its service is not there: who is admitted gets 502.
SCREEN = """
endpoint: GET /screen
access: public
limits: [{by: address, rate: 100/day, exact: true, without_redis: closed}]
steps: {user: {call: shop.get_user, with: {id: 1}}}
"""
CONNECTIONS, REQUESTS = 20, 50


def statuses(port: int) -> Counter[int]:
    """Those of requests that come one after the other, on one connection."""
    found: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for _ in range(REQUESTS):
        connection.request("GET", "/screen")
        reply = connection.getresponse()
        reply.read()
        found[reply.status] += 1
    connection.close()
    return found


def test_of_a_thousand_requests_to_three_workers_exactly_100_are_admitted(tmp_path: Path) -> None:
    """On a machine that is so busy that Redis answers too late, who is refused for that may have
    taken a token."""
    project = tmp_path / "project"
    project.mkdir()
    write_project(project, {"screen": SCREEN})
    with gateways(project) as serve:
        serving = serve("--workers", "3")
        serving.wait_until_it_answers()
        with ThreadPoolExecutor(CONNECTIONS) as clients:
            counts = list(clients.map(statuses, [serving.port] * CONNECTIONS))
        serving.terminate()
        serving.assert_ended_well()
    found = sum(counts, Counter[int]())
    assert found.keys() <= {502, 429, 503}
    assert found[502] <= 100 <= found[502] + found[503]
    assert found.total() == CONNECTIONS * REQUESTS
