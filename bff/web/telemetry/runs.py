"""Who sees runs: each run once, whoever waits for it, and whether or not a request does.

Observers see a run where the engine gives its result, since a run may serve many requests, and one
that makes a stale payload anew serves none. A run that is cancelled has no result, and no observer
sees it.
"""

from collections.abc import Awaitable, Callable, Sequence

from bff.engine.prepared import PreparedComposition
from bff.engine.values.results import CompositionFailure, CompositionPayload, Inputs
from bff.plan.model.composition import Composition

Made = CompositionPayload | CompositionFailure
RunComposition = Callable[[PreparedComposition, Inputs], Awaitable[Made]]
# Called once for each run, on the loop. Raises nothing, and is quick.
RunObserver = Callable[[Composition, Made], None]


def observed(run: RunComposition, observers: Sequence[RunObserver]) -> RunComposition:
    """The same, of which each of the observers sees every run that ends."""

    async def run_and_observe(prepared: PreparedComposition, inputs: Inputs) -> Made:
        made = await run(prepared, inputs)
        for observe in observers:
            observe(prepared.composition, made)
        return made

    return run_and_observe if observers else run
