"""A composition run against scripted upstreams, in fake time."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyWork
from bff.engine.values.limits import Limits
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    Inputs,
)
from bff.plan.model.composition import Composition
from bff.plan.model.service import Service
from bff.upstream.pipeline.stack import ServiceClient
from tests.support.fake_time import run_in_fake_time
from tests.support.plan.plans import SERVICES
from tests.support.upstream.scripted_transport import Script, ScriptedTransport


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; `payload` and `failure` fail when it ended the other way."""

    result: CompositionResult
    transport: ScriptedTransport

    @property
    def payload(self) -> Any:
        assert isinstance(self.result, CompositionPayload), self.result
        return json.loads(self.result.body)

    @property
    def degraded(self) -> list[tuple[str, str]]:
        assert isinstance(self.result, CompositionPayload), self.result
        return [(each.step, each.reason) for each in self.result.degraded]

    @property
    def failure(self) -> CompositionFailure:
        assert isinstance(self.result, CompositionFailure), self.result
        return self.result

    @property
    def targets(self) -> list[str]:
        return self.transport.targets()


def run(
    composition: Composition,
    scripts: Mapping[str, Script],
    params: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> Ended:
    """Run the composition once, to its end; fails when it leaves a task running. `options` are the
    engine's."""

    async def main() -> Ended:
        transport = ScriptedTransport(scripts)
        inputs = Inputs(params or {})
        made = await run_over(transport, composition, inputs, limits=limits, **options)
        return Ended(made, transport)

    return run_in_fake_time(main())


def service_client(
    transport: ScriptedTransport, services: Mapping[str, Service] = SERVICES
) -> ServiceClient:
    """The services behind a transport, on the running loop."""
    clock = asyncio.get_running_loop().time
    return ServiceClient(transport, services, Limits().reply_bytes, clock)


async def run_over(
    transport: ScriptedTransport,
    composition: Composition,
    inputs: Inputs | None = None,
    **options: Any,
) -> CompositionResult:
    """Run the composition once on this loop; `options` are the engine's."""
    heavy_work = HeavyWork()
    try:
        engine = Engine(service_client(transport), heavy_work, **options)
        return await engine.run(engine.prepare(composition), inputs or Inputs({}))
    finally:
        heavy_work.close()
