"""What a reply becomes: its bytes are the serializer's, and what breaks the schema is no value."""

import json

import pytest
from pydantic import BaseModel, Field

from bff.engine.payload.texts import weigh_reply
from bff.engine.values.limits import Limits
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.steps import Optional
from tests.support.plan.engine_runs import run
from tests.support.plan.plans import batch, compose, for_each, param, step
from tests.support.upstream.scripted_transport import json_reply, reply

MOST = 100_000_000


class User(BaseModel):
    id: int
    name: str = Field(default="", serialization_alias="fullName")


def answered(script, returns=User, **more):
    """How a composition of one optional step ends that gets this reply."""
    composition = compose(step("a", "GET /a", returns=returns, on_failure=Optional(), **more))
    return run(composition, {"GET /a": script})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Welcome</body></html>",
        b'{"id": 1',
        b'{"id": "seven"}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"id": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_body_that_breaks_the_schema_is_invalid(body):
    ended = answered(reply(200, body, content_type="text/html"))
    assert ended.degraded == [("a", "invalid")]
    assert ended.result.degraded[0].received_status == 200


def test_any_success_status_is_read():
    assert answered(json_reply({"id": 1}, status=201)).payload["a"]["id"] == 1


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "GZIP"])
def test_encoded_body_is_refused_since_none_was_asked_for(coding):
    ended = answered(reply(200, b'{"id": 1}', content_encoding=coding))
    assert ended.degraded == [("a", "encoded")]


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_identity_is_no_encoding(coding):
    assert answered(reply(200, b'{"id": 1}', content_encoding=coding)).degraded == []


def test_status_speaks_before_the_encoding_of_its_body():
    assert answered(reply(500, b"x", content_encoding="gzip")).degraded == [("a", "status")]


@pytest.mark.parametrize("reason", list(Reason))
def test_trouble_of_the_transport_is_told_with_its_own_word(reason):
    ended = answered(Failed(reason), timeout=1)
    assert ended.degraded == [("a", reason.word)]
    assert ended.result.degraded[0].proxy_error == reason.proxy_error


def test_weight_is_bytes_or_forty_for_each_object_and_list():
    assert weigh_reply(b"x" * 100_000, MOST) == 100_000
    assert weigh_reply(b"[" * 100_000, MOST) == 4_000_000
    assert weigh_reply(b"{}" * 100_000, MOST) == 4_000_000
    assert weigh_reply(b"[" * 16_384, MOST) == 16_384  # too short to be worth a look
    assert (
        100_000 < weigh_reply(b"[" * 1_000_000, 100_000) < 40_000_000
    )  # by how much doesn't matter


def test_reply_of_more_objects_than_its_size_allows_is_too_large():
    body = b"[" + b",".join([b"{}"] * 60_000) + b"]"
    assert len(body) < 250_000 < 1_000_000 < weigh_reply(body, MOST)
    composition = compose(step("a", "GET /a", on_failure=Optional()))
    ended = run(composition, {"GET /a": reply(200, body)}, limits=Limits(1_000_000, 250_000))
    assert ended.degraded == [("a", "too_large")]


@pytest.mark.parametrize("form", ["plain", "batch", "for_each"])
def test_step_that_nobody_reads_is_called_and_validated_all_the_same(form):
    if form == "plain":
        silent = step("a", "GET /a", returns=list[User], on_failure=Optional())
    elif form == "batch":
        silent = step("a", "GET /a", {"ids": "params.ids"}, params=[param("ids", is_list=True)],
                      returns=list[User], batch=batch("ids", 1, 9),
                      on_failure=Optional())  # fmt: skip
    else:
        silent = step("a", "GET /a", {"id": "x"}, returns=list[User],
                      for_each=for_each("params.ids", "x"), on_failure=Optional())  # fmt: skip
    composition = compose(silent, response={})
    ended = run(composition, {"GET /a": json_reply([{"id": 1}])}, {"ids": [1]})
    assert (ended.payload, ended.degraded) == ({}, [])
    ended = run(composition, {"GET /a": json_reply([{"id": "x"}])}, {"ids": [1]})
    assert ended.degraded == [("a", "invalid")]


def test_detail_of_a_failure_is_kept_for_the_log():
    ended = answered(json_reply({"id": "x"}))
    assert "id" in ended.result.degraded[0].detail
    assert "detail" not in json.dumps(ended.payload)
