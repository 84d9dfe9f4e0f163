"""Whatever a client sends as its trace is read as a span, or as nothing; and sampled alike by all.

The grammar is W3C Trace Context's (§3.2, and §4.3 for later versions).
"""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from bff.engine.values.trace import SpanContext, Trace, read_context
from bff.telemetry.traces.sampling import ratio_sampler

TRACE_ID, SPAN_ID = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
PARENT = b"00-%b-%b-01" % (TRACE_ID, SPAN_ID)
HEX = "0123456789abcdef"
WIRE = re.compile(
    rb"x-request-id: r\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\r\n"
    rb"(tracestate: [\x20-\x7e\t]{1,512}\r\n)?"
)


def digits(count: int) -> st.SearchStrategy[bytes]:
    return st.text(HEX, min_size=count, max_size=count).map(str.encode)


near = st.builds(
    lambda version, trace, span, flags, rest: b"-".join([version, trace, span, flags]) + rest,
    st.one_of(digits(2), st.sampled_from([b"00", b"01", b"ff", b""])),
    st.one_of(digits(32), st.just(b"0" * 32), digits(31)),
    st.one_of(digits(16), st.just(b"0" * 16)),
    st.one_of(digits(2), digits(1), st.just(b"0G")),
    st.sampled_from([b"", b"-x", b"x", b", ", b"\r\n", b"-" + b"y" * 70_000]),
)


@given(st.one_of(near, st.binary(max_size=80)), st.one_of(st.none(), st.binary(max_size=600)))
@example(PARENT, b"a=1,b=2")
@example(PARENT + b", " + PARENT, None)
@example(PARENT, b"a=" + b"b" * 10_000)
@example(b"00-" * 1_000_000, None)
@example(PARENT, b"a=1\r\nx-admin: yes")
def test_what_is_read_of_a_context_is_well_formed_and_goes_on_as_it_is(
    parent: bytes, state: bytes | None
) -> None:
    context = read_context(parent, state)
    lines = Trace(b"r", context).lines()
    assert WIRE.fullmatch(lines)
    if context is None:
        assert len(parent) < 35 or parent[3:35] not in lines
        return
    version, trace_id, span_id, flags, *more = parent.split(b"-", 4)
    assert context[:3] == (trace_id, span_id, flags)
    assert version != b"ff"
    assert not more or version != b"00"
    assert trace_id.strip(b"0")
    assert span_id.strip(b"0")
    assert context.state in (b"", state)
    assert context.is_sampled == bool(int(flags, 16) & 1)


def test_well_formed_context_is_read_whole() -> None:
    assert read_context(PARENT, b"a=1") == SpanContext(TRACE_ID, SPAN_ID, b"01", b"a=1")
    assert read_context(None, b"a=1") is None


def reference(trace_id: bytes, ratio: float) -> bool:
    """As `TraceIdRatioBased` of OpenTelemetry's SDK for Python decides."""
    return int(trace_id, 16) & ((1 << 64) - 1) < round(ratio * (1 << 64))


@given(digits(32), st.floats(0, 1))
@example(b"f" * 32, 1.0)
@example(b"0" * 32, 0.0)
@example(b"0" * 16 + b"8" + b"0" * 15, 0.5)
@example(b"0" * 16 + b"7" + b"f" * 15, 0.5)
def test_trace_is_sampled_as_the_sdks_sample_it(trace_id: bytes, ratio: float) -> None:
    assert ratio_sampler(ratio)(trace_id) == reference(trace_id, ratio)


@given(digits(32), st.floats(0, 1), st.floats(0, 1))
def test_larger_share_has_all_the_traces_of_a_smaller_one(
    trace_id: bytes, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    if ratio_sampler(small)(trace_id):
        assert ratio_sampler(large)(trace_id)
