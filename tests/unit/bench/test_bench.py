"""What the benchmarks tell of a run: nothing that went wrong may look like a figure."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import get_args

import httpx
import pytest

from bench.exchange import Expectation, WrongValue
from bench.figures import Ratio, ratios, row_figures
from bench.load import LoadFigures, parse_wrk
from bench.paced import PacedFigures
from bench.payloads import all_documents, expected_home, expected_unvalidated
from bench.picture import draw
from bench.processes import Usage
from bench.rounds import FullLoad, Results, Sample, run_rounds
from bench.rows import ROWS, Row
from bench.rows import Server as ServerName
from bench.servers import LAUNCHES
from bench.stage import Stage, Unmeasured
from bench.targets import COMPARISONS, RESHAPING, TAILS
from bench.verdicts import Verdict, judge_rows

_ROWS = {row.key: row for row in ROWS}


def sample(requests_per_second: float, busy: float = 1.0, p99_ms: float = 3.0) -> Sample:
    load = LoadFigures(1000, requests_per_second, 1.0, 2.0, looks=5, refusals=0, broken=0)
    full = FullLoad(load, busy * 1e6 / requests_per_second, busy, 50.0)
    return Sample(full, PacedFigures(requests_per_second / 2, 1.0, p99_ms))


def results(*rounds: dict[str, float], missing: str = "") -> Results:
    keys = [*rounds[0], *([missing] if missing else [])]
    return Results(
        tuple(_ROWS[key] for key in keys),
        [{key: sample(rate) for key, rate in each.items()} for each in rounds],
        {missing: Unmeasured("go not found", is_wrong=False)} if missing else {},
    )


def compared(found: Results, baseline: str) -> Ratio:
    return next(each for each in ratios(found) if each.comparison.baseline == baseline)


def test_ratio_is_the_median_of_ratios_within_rounds_with_their_spread() -> None:
    found = results(
        {"home": 100, "home-tailcall": 100},
        {"home": 60, "home-tailcall": 40},
        {"home": 240, "home-tailcall": 200},
    )
    times = compared(found, "home-tailcall").times
    assert times is not None
    assert (times.low, times.median, times.high) == (1.0, 1.2, 1.5)


@pytest.mark.parametrize(("rate", "outcome"), [(200, "met"), (199, "missed")])
def test_verdict_is_of_the_median(rate: float, outcome: str) -> None:
    found = results({"home": rate, "home-tailcall": 100})
    assert judge_rows(found) == [
        Verdict(
            work="three calls, merged",
            target="≥ 2 × Tailcall, GraphQL",
            measured=f"{rate / 100:.2f}",
            lowest_highest=f"{rate / 100:.2f}–{rate / 100:.2f}",
            by_cpu=f"{rate / 100:.2f}",
            outcome=outcome,  # type: ignore[arg-type]
        )
    ]


@pytest.mark.parametrize(
    ("busy", "outcome"),
    [(0.91, "met"), (0.89, "doubtful")],
)
def test_target_met_over_a_server_with_time_left_is_doubtful(busy: float, outcome: str) -> None:
    rows = (_ROWS["cached"], _ROWS["cached-nginx"])
    rounds = [{"cached": sample(7550), "cached-nginx": sample(10_000, busy)}]
    assert compared(Results(rows, rounds, {}), "cached-nginx").outcome == outcome


def test_target_met_by_cpu_as_well_is_met_whatever_the_baseline_had_left() -> None:
    rows = (_ROWS["cached"], _ROWS["cached-nginx"])
    rounds = [{"cached": sample(9000), "cached-nginx": sample(10_000, 0.85)}]
    assert compared(Results(rows, rounds, {}), "cached-nginx").outcome == "met"


def test_missed_target_stands_in_the_picture() -> None:
    found = results({"home": 50, "home-tailcall": 100})
    assert "0.50 ×, target 2: missed" in draw(found, row_figures(found), ratios(found))


def test_row_without_its_program_has_no_figures_and_says_why() -> None:
    found = results({"home": 50}, missing="home-krakend")
    assert [each.row.key for each in row_figures(found)] == ["home"]
    ratio = compared(found, "home-krakend")
    assert (ratio.times, ratio.outcome) == (None, "not measured")
    assert "not measured: go not found" in draw(found, row_figures(found), ratios(found))


def test_target_that_could_not_be_judged_stands_in_the_picture() -> None:
    found = results({"gzip-nginx": 50}, missing="gzip")
    assert "target 0.75: not measured" in draw(found, row_figures(found), ratios(found))


@pytest.mark.parametrize(("p99_ms", "outcome"), [(5.0, "met"), (5.1, "missed")])
def test_tail_is_judged_by_the_latencies_at_half_of_each_row_s_capacity(
    p99_ms: float, outcome: str
) -> None:
    rows = (_ROWS["raw"], _ROWS["raw-fastify"])
    rounds = [{"raw": sample(500, p99_ms=p99_ms), "raw-fastify": sample(100, p99_ms=5.0)}]
    *_, tail = judge_rows(Results(rows, rounds, {}))
    assert (tail.target, tail.outcome) == ("≤ 1 × @fastify/http-proxy", outcome)


def test_cost_of_reshaping_is_what_it_adds_in_requests_of_a_peer() -> None:
    """A request of the peer takes 1,000 µs here, and reshaping adds 600."""
    rounds = {"home": 1e6 / 400, "reshaped": 1e6 / 1000, "home-fastify": 1000.0}
    found = next(each for each in judge_rows(results(rounds)) if "adds" in each.work)
    assert found.measured == f"{0.6 / RESHAPING.before:.2f}"


def test_ratio_without_a_target_is_only_reported() -> None:
    (found,) = judge_rows(results({"home": 100, "home-express": 50}))
    assert (found.measured, found.outcome) == ("2.00", "reported")


def test_targets_are_of_rows_that_exist() -> None:
    named = {key for each in (*COMPARISONS, *TAILS) for key in (each.row, each.baseline)}
    assert named | {RESHAPING.row, RESHAPING.base, RESHAPING.unit} <= _ROWS.keys()


def test_every_server_can_be_launched() -> None:
    assert set(LAUNCHES) == set(get_args(ServerName))


def reply(value: object, **headers: str) -> httpx.Response:
    request = httpx.Request("GET", "http://gateway/screens/home")
    headers = {"content-type": "application/json"} | headers
    return httpx.Response(200, json=value, headers=headers, request=request)


def test_reply_of_the_right_values_passes() -> None:
    Expectation({"a": 1}).check(reply({"a": 1}))


@pytest.mark.parametrize(
    "wrong",
    [
        reply({"a": 2}),
        reply({"a": 1}, **{"content-encoding": "identity"}),
        reply({"a": 1}, **{"content-type": "text/html"}),
        httpx.Response(503, json={"a": 1}, request=httpx.Request("GET", "http://gateway/")),
        httpx.Response(
            200,
            text="{",
            headers={"content-type": "application/json"},
            request=httpx.Request("GET", "http://gateway/"),
        ),
    ],
)
def test_wrong_reply_is_told(wrong: httpx.Response) -> None:
    with pytest.raises(WrongValue):
        Expectation({"a": 1}).check(wrong)


def test_reply_that_is_not_compressed_fails_a_row_that_asks_for_gzip() -> None:
    expectation = dataclasses.replace(Expectation({"a": 1}), encoding="gzip")
    with pytest.raises(WrongValue, match="instead of 'gzip'"):
        expectation.check(reply({"a": 1}))


def test_full_reply_fails_a_row_that_asks_for_304() -> None:
    with pytest.raises(WrongValue, match="where 304 is due"):
        Expectation({"a": 1}).check_not_modified(reply({"a": 1}, etag='"x"'), '"x"')


_REPORT = """\
Running 1s test @ http://127.0.0.1:1/
  Latency Distribution
     50%    2.00ms
     75%    3.00ms
     90%    4.00ms
     99%    1.25s
  1234 requests in 1.00s, 1.00MB read
Requests/sec:   1230.50
Transfer/sec:      1.00MB
"""


def test_report_of_wrk_is_read() -> None:
    assert parse_wrk(_REPORT, looks=3) == LoadFigures(1234, 1230.5, 2.0, 1250.0, 3, 0, 0)


def test_errors_in_the_report_of_wrk_are_counted() -> None:
    errors = "  Socket errors: connect 0, read 1, write 0, timeout 2\n"
    found = parse_wrk(_REPORT + errors + "  Non-2xx or 3xx responses: 4\n", 0)
    assert (found.refusals, found.broken) == (4, 3)


@pytest.mark.parametrize(
    ("status", "refusals", "broken", "wrong"),
    [(200, 0, 0, 0), (200, 4, 3, 7), (401, 100, 0, 0), (401, 90, 0, 10), (401, 100, 2, 2)],
)
def test_refusal_is_wrong_but_where_it_is_due(
    status: int, refusals: int, broken: int, wrong: int
) -> None:
    assert Expectation(None, status=status).count_wrong(100, refusals, broken) == wrong


class SteadyServer:
    """Stands in for a process; what it used is always the same."""

    def usage(self) -> Usage:
        return Usage(1.0, 2**20)

    def empty_output(self) -> None:
        pass


def test_row_that_goes_wrong_in_a_round_loses_its_figures_and_the_others_keep_theirs(
    tmp_path: Path, flaky_port: int
) -> None:
    wrk = tmp_path / "wrk"
    wrk.write_text(f"#!/bin/sh\ncat <<END\n{_REPORT}END\n")
    wrk.chmod(0o755)
    right, wrong = (
        Row(key, "job", key, "by-hand", f"/{key}", Expectation({"is": "right"}))
        for key in ("right", "wrong")
    )
    stage = Stage({"by-hand": SteadyServer()}, {"by-hand": flaky_port}, {})  # type: ignore[dict-item]
    found = run_rounds(stage, [right, wrong], str(wrk), rounds=3, seconds=1, tell=lambda _: None)
    assert [list(each) for each in found.rounds] == [["right"]] * 3
    assert found.unmeasured["wrong"].is_wrong
    assert "answers other values" in found.unmeasured["wrong"].reason


@pytest.fixture
def flaky_port() -> Iterator[int]:
    """A server that answers right at /right, and at /wrong a few times."""
    asked: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked[self.path] += 1
            # A look before and one after each load at full speed: two for the warm-up, two for the
            # first round. The load at half of it is what finds it wrong.
            is_right = self.path == "/right" or asked[self.path] <= 4
            body = json.dumps({"is": "right" if is_right else "wrong"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_upstream_serves_inner_fields_that_no_validated_row_may_answer_with() -> None:
    for size in ("small", "large"):
        assert expected_home(size) != expected_unvalidated(size)
    assert all(document.known != document.served for document in all_documents())
