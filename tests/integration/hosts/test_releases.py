"""Two versions of a project in one process: requests keep theirs, and to swap is one assignment."""

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject
from bff.settings import Settings
from bff.web.gateway import Gateway
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.pending import Pending
from bff.web.serving.release import Release
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import held, json_reply

SETTINGS = Settings(log_level="error")
ANN = '{"id": 1, "first_name": "Ann"}'
SWAPS = 1000


def version(folder: Path, url: str, word: str, gateway: str = "") -> CompiledProject:
    screen = HOME + f"response: {{version: {word}, name: '${{user.firstName}}'}}\n"
    return compile_project(
        write_project(
            folder / word,
            {"home": screen, "cached": screen.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n"},
            services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", url)},
            gateway=gateway,
        )
    )


async def ask(gateway: Gateway, path: str) -> Reply:
    begun = gateway.begin(GatewayRequest("GET", path, "", [(b"host", b"here")]))
    assert begun is not None
    return await begun.reply() if isinstance(begun, Pending) else begun


def text(reply: Reply) -> str:
    assert isinstance(reply.body, bytes)
    return reply.body.decode()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def live_releases(versions: list[CompiledProject]) -> list[Release]:
    """The releases of these versions that are still in memory."""
    gc.collect()
    releases = [each for each in gc.get_objects() if isinstance(each, Release)]
    return [each for each in releases if any(each.project is one for one in versions)]


def test_request_for_which_nothing_is_there_is_of_the_release_whose_table_said_so(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        old, new = (version(tmp_path, "http://127.0.0.1:9", word) for word in ("old", "new"))
        gateway = Gateway(old, SETTINGS)
        await gateway.open()
        asked, refused = (GatewayRequest("GET", "/gone", "", [(b"host", b"here")]) for _ in "12")
        assert gateway.begin(asked) is None
        await gateway.serve(new)
        gateway.finish(asked, Reply(404, []))
        gateway.finish(refused, Reply(400, []))  # by a host, before anybody began it
        assert asked.destination.facts["bff.release"] == old.release
        assert refused.destination.facts["bff.release"] == new.release != old.release
        await gateway.close()

    asyncio.run(main())


def test_request_keeps_the_release_that_it_began_with(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        opened = threading.Event()
        with WireServer(held(opened, json_reply(ANN))) as upstream:
            old, new = (version(tmp_path, upstream.url, word) for word in ("old", "new"))
            gateway = Gateway(old, SETTINGS)
            await gateway.open()
            in_flight = loop.create_task(ask(gateway, "/home/1"))
            await loop.run_in_executor(None, upstream.wait_for_requests, 1)
            await gateway.serve(new)
            begun_later = loop.create_task(ask(gateway, "/home/1"))
            opened.set()
            assert text(await in_flight) == '{"version":"old","name":"Ann"}'
            assert text(await begun_later) == '{"version":"new","name":"Ann"}'
            await gateway.close()

    asyncio.run(main())


def test_release_in_another_namespace_has_a_cache_of_its_own_and_the_old_one_is_closed(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        opened = threading.Event()
        with WireServer(held(opened, json_reply(ANN))) as upstream:
            versions = [
                version(tmp_path, upstream.url, word, f"cache: {{namespace: {word}}}\n")
                for word in ("old", "new")
            ]
            gateway = Gateway(versions[0], SETTINGS)
            resources = await gateway.open()
            old_cache = gateway.cache
            in_flight = loop.create_task(ask(gateway, "/cached/1"))
            await loop.run_in_executor(None, upstream.wait_for_requests, 1)
            await gateway.serve(versions[1])
            assert gateway.cache is not old_cache
            assert len(resources.caches) == 2  # a request uses the old one
            opened.set()
            assert text(await in_flight) == '{"version":"old","name":"Ann"}'
            assert text(await ask(gateway, "/cached/1")) == '{"version":"new","name":"Ann"}'
            del in_flight
            gc.collect()
            await asyncio.sleep(0)
            assert len(resources.caches) == 1
            await gateway.close()

    asyncio.run(main())


def test_releases_that_declare_the_same_identity_share_a_provider_and_others_end_theirs(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        def with_roles(word: str, claim: str) -> CompiledProject:
            identity = f"identity: {{roles: '${{claims.{claim}}}'}}\ndefaults: {{access: public}}\n"
            return version(tmp_path, "http://127.0.0.1:9", word, identity)

        first, same, other = (
            with_roles("first", "a"), with_roles("same", "a"), with_roles("other", "b")
        )  # fmt: skip
        gateway = Gateway(first, SETTINGS)
        resources = await gateway.open()
        of_first = await resources.identities.of(first.identity)
        await gateway.serve(same)
        assert await resources.identities.of(same.identity) is of_first
        await gateway.serve(other)
        gc.collect()
        await asyncio.sleep(0)
        assert len(resources.identities) == 1
        assert await resources.identities.of(other.identity) is not of_first
        await gateway.close()

    asyncio.run(main())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_thousand_swaps_under_load_fail_no_request_and_leave_memory_flat(tmp_path: Path) -> None:
    async def main() -> None:
        with WireServer(json_reply(ANN)) as upstream:
            versions = [version(tmp_path, upstream.url, word) for word in ("old", "new")]
            gateway = Gateway(versions[0], SETTINGS)
            await gateway.open()
            answered = 0
            swapping = True

            async def load(path: str) -> None:
                nonlocal answered
                while swapping:
                    reply = await ask(gateway, path)
                    assert reply.status == 200, text(reply)
                    assert text(reply) in (
                        '{"version":"old","name":"Ann"}',
                        '{"version":"new","name":"Ann"}',
                    )
                    answered += 1
                    await asyncio.sleep(0.001)

            clients = [asyncio.ensure_future(load(path)) for path in ("/home/1", "/cached/1")]
            sizes = []
            for number in range(SWAPS):
                await gateway.serve(versions[number % 2])
                await asyncio.sleep(0.001)
                if number in (SWAPS // 2, SWAPS - 1):
                    gc.collect()
                    sizes.append(resident_bytes())
            swapping = False
            await asyncio.gather(*clients)
            releases = live_releases(versions)
            await gateway.close()
            assert answered > SWAPS / 10
            assert len(releases) == 1, "releases that were served stay in memory"
            assert sizes[1] - sizes[0] < 4 * 1024 * 1024

    asyncio.run(main())


def test_closed_gateway_leaves_no_thread_for_heavy_work(tmp_path: Path) -> None:
    def heavy_threads() -> set[threading.Thread]:
        return {each for each in threading.enumerate() if each.name == "bff-heavy-work"}

    async def main() -> set[threading.Thread]:
        long_name = json_reply(f'{{"id": 1, "first_name": "{"x" * 300_000}"}}')
        with WireServer(long_name) as upstream:
            gateway = Gateway(version(tmp_path, upstream.url, "heavy"), SETTINGS)
            await gateway.open()
            assert (await ask(gateway, "/home/1")).status == 200
            threads = heavy_threads() - before
            await gateway.close()
        return threads

    before = heavy_threads()
    threads = asyncio.run(main())
    assert len(threads) == 1
    for each in threads:
        each.join(10)
        assert not each.is_alive()
