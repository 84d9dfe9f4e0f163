"""What metrics report of releases, and which series end with one."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject, Composition
from bff.settings import Settings
from bff.telemetry.metrics.definitions.cache import CACHE_REQUESTS
from bff.telemetry.metrics.definitions.process import RELEASE_INFO, RELEASE_LOADED, RELEASES
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITIONS,
    REQUESTS,
    RUNS,
    SLO_LATENCIES,
    SLO_TARGETS,
    STEPS,
)
from bff.telemetry.metrics.definitions.services import RESTING_INSTANCES
from bff.web.gateway import Gateway
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Pending
from tests.support.fake_time import Clock
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.telemetry.counted import counted
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import held, json_reply

SETTINGS = Settings(log_level="error", metrics_token="t" * 32)
ANN = '{"id": 1, "first_name": "Ann"}'
OF_PROJECT = (COMPOSITIONS, RUNS, STEPS, CACHE_REQUESTS, SLO_TARGETS, SLO_LATENCIES)


def version(folder: Path, url: str, **compositions: str) -> CompiledProject:
    service = SHOP_SERVICE.replace("http://127.0.0.1:9", url)
    return compile_project(write_project(folder, compositions, services={"shop": service}))


async def ask(gateway: Gateway, path: str) -> Reply:
    """Ask as a host does."""
    request = GatewayRequest("GET", path, "", [(b"host", b"here")])
    begun = gateway.begin(request)
    assert begun is not None
    reply = await begun.reply() if isinstance(begun, Pending) else begun
    gateway.telemetry.ended(request, reply, 0)
    return reply


def test_release_is_named_with_its_time_and_its_promises(tmp_path: Path) -> None:
    clock = Clock(1_000.0)

    async def main() -> None:
        first = version(
            tmp_path / "1", "http://127.0.0.1:9",
            home=HOME + "slo: {availability: 99.5, latency: 300ms}\n",
            soon=HOME.replace("/home/", "/soon/") + "slo: {availability: 99}\n",
        )  # fmt: skip
        second = version(tmp_path / "2", "http://127.0.0.1:9", home=HOME)
        gateway = Gateway(first, SETTINGS, clock=clock)
        numbers = (RELEASE_INFO, RELEASE_LOADED, RELEASES, SLO_TARGETS, SLO_LATENCIES)
        assert counted(gateway.metrics, *numbers) == {}
        await gateway.open()
        assert counted(gateway.metrics, *numbers) == {
            f"{RELEASE_INFO.name} release={first.release}": 1,
            RELEASE_LOADED.name: 1_000.0,
            RELEASES.name: 1,
            f"{SLO_TARGETS.name} composition=home": 0.995,
            f"{SLO_TARGETS.name} composition=soon": 0.99,
            f"{SLO_LATENCIES.name} composition=home": 0.3,
        }
        clock.now = 2_000.0
        await gateway.serve(second)
        assert counted(gateway.metrics, *numbers) == {
            f"{RELEASE_INFO.name} release={second.release}": 1,
            RELEASE_LOADED.name: 2_000.0,
            RELEASES.name: 2,
        }
        await gateway.close()

    asyncio.run(main())


def test_series_of_what_a_project_has_no_more_end_and_what_stays_counts_on(tmp_path: Path) -> None:
    """A request in flight ends as it began; what it counts of what is gone ends with the release
    that it held."""

    async def main() -> None:
        loop, opened = asyncio.get_running_loop(), threading.Event()
        with WireServer(held(opened, json_reply(ANN))) as upstream:
            gone = HOME.replace("/home/", "/gone/") + "cache: {ttl: 5m}\n"
            old = version(tmp_path / "1", upstream.url, home=HOME, gone=gone)
            new = version(tmp_path / "2", upstream.url, home=HOME)
            gateway = Gateway(old, SETTINGS)
            await gateway.open()
            in_flight = [loop.create_task(ask(gateway, path)) for path in ("/gone/1", "/home/1")]
            await loop.run_in_executor(None, upstream.wait_for_requests, 2)
            await gateway.serve(new)
            opened.set()
            assert [(await each).status for each in in_flight] == [200, 200]
            assert f"{RUNS.name} composition=gone outcome=ok" in counted(gateway.metrics, RUNS)
            del in_flight
            gc.collect()
            await asyncio.sleep(0)
            found = counted(gateway.metrics, *OF_PROJECT)
            assert not [name for name in found if "composition=gone" in name]
            assert found[f"{COMPOSITIONS.name} composition=home outcome=ok"] == 1
            assert (await ask(gateway, "/home/1")).status == 200
            found = counted(gateway.metrics, *OF_PROJECT)
            assert found[f"{COMPOSITIONS.name} composition=home outcome=ok"] == 2
            await gateway.close()

    asyncio.run(main())


def test_release_that_ends_while_another_is_built_takes_no_series_of_the_new_one(
    tmp_path: Path,
) -> None:
    """They are there before the new one is served."""

    async def main() -> None:
        first, second, third = (
            version(tmp_path / port, f"http://127.0.0.1:{port}", home=HOME) for port in "789"
        )
        gateway = Gateway(first, SETTINGS)
        place = f"{RESTING_INSTANCES.name} service=shop server_address=127.0.0.1 server_port=9"
        in_flight: list[Pending | Reply | None] = []

        class Read(tuple[Composition, ...]):
            """Is read by who builds a release, also when its series are there."""

            def __iter__(self) -> Iterator[Composition]:
                if place in counted(gateway.metrics, RESTING_INSTANCES):
                    in_flight.clear()
                    gc.collect()
                return super().__iter__()

        await gateway.open()
        in_flight.append(gateway.begin(GatewayRequest("GET", "/home/1", "", [(b"host", b"here")])))
        await gateway.serve(second)
        await gateway.serve(replace(third, compositions=Read(third.compositions)))
        await asyncio.sleep(0)
        assert in_flight == []
        assert counted(gateway.metrics, RESTING_INSTANCES) == {place: 0}
        await gateway.close()

    asyncio.run(main())


def test_route_of_a_request_has_the_prefix_that_all_paths_have(tmp_path: Path) -> None:
    async def main() -> set[str]:
        gateway = Gateway(
            version(tmp_path, "http://127.0.0.1:9", home=HOME), SETTINGS, url_prefix="/api"
        )
        await gateway.open()
        assert (await ask(gateway, "/api/home/x")).status == 400
        await gateway.close()
        return {labels[3] for labels in gateway.metrics.families[REQUESTS.name].series}

    assert asyncio.run(main()) == {"/api/home/{user_id}"}
