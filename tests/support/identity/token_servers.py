"""An authorization server of which the test holds the answers."""

import asyncio
import json
from typing import Any

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed


def said(**members: Any) -> bytes:
    return json.dumps({"access_token": "t0ken", "token_type": "Bearer", **members}).encode()


class ScriptedServer:
    """One instance, as token sources call it."""

    def __init__(self) -> None:
        self.calls: list[ServiceCall] = []
        self.bounds: list[tuple[float, int]] = []
        self.pending: list[OnAnswer[UpstreamReply]] = []

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        self.calls.append(call)
        self.bounds.append((timeout_seconds, byte_cap))
        self.pending.append(on_answer)
        return asyncio.get_running_loop().call_soon(lambda: None)

    def answer(self, answer: UpstreamReply | Failed | Exception) -> None:
        self.pending.pop()(answer)

    def give(self, token: str = "t0ken", **members: Any) -> None:
        self.answer(UpstreamReply(200, (), said(access_token=token, **members)))
