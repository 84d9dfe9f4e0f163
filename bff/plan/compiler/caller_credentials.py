"""By which of its params a step sends the caller's own credential.

A service that refuses such a request refuses the caller. One that refuses any other refuses the
gateway (see `bff.engine.steps.failures`). Rules:
1. A header of the caller's whose name stands for a credential is one, whatever it is sent as.
2. So is what else the caller sent, or a claim, where it is sent under such a name.
3. What a step returned is the gateway's, and so is a constant.
"""

import re
from collections.abc import Sequence

from bff.plan.compiler.roots import CLAIMS
from bff.plan.model.service import CompositionParam, OperationParam
from bff.plan.model.steps import Binding, Step

_HEADER = re.compile(
    r"auth(?!or(?!i[sz]))|cookie|token|session|api-?key|jwt|bearer|credential|password"
)
_PARAM = re.compile(
    r"authorization|(access|auth|id|session)_?token|api_?key|session(_?id)?|jwt|password",
    re.IGNORECASE,
)


def credentials_of(params: Sequence[CompositionParam], step: Step) -> frozenset[str]:
    """The names of the operation's params by which the step sends the caller's credential."""
    own = {
        param.name
        for param in params
        if param.location == "header" and _HEADER.search(param.wire_name)
    }
    return frozenset(each.param.name for each in step.bindings if _is_sent(each, own))


def _is_sent(binding: Binding, own: set[str]) -> bool:
    if binding.template is None:
        return False
    reads = binding.template.reads
    if own and (
        ("params",) in reads or any(("params", name) == path[:2] for path in reads for name in own)
    ):
        return True
    return not binding.template.roots.isdisjoint({"params", CLAIMS}) and _is_named(binding.param)


def _is_named(param: OperationParam) -> bool:
    if param.location == "header":
        return _HEADER.search(param.wire_name.lower()) is not None
    return _PARAM.fullmatch(param.wire_name) is not None
