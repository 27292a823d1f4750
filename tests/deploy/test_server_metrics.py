"""Counts by hand, in the text that Prometheus reads."""

import json

import pytest

from autosplit.deploy.server_metrics import AnsweredRequest, ServerMetrics


@pytest.fixture
def metrics():
    found = ServerMetrics()
    for protocol, plan, server_s in (
        ("http", "split", 0.002),
        ("http", "split", 0.0025),
        ("grpc", "split", 9.0),
        ("http", "raw", 0.03),
    ):
        found.answered(AnsweredRequest(protocol, plan, 2, 100, 10, server_s, 0.001))
    found.refuse("http", "400", "x: must be BYTES")
    return found


def samples(text):
    """Sample -> its value."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_requests_bytes_and_seconds_are_summed_up_for_each_plan(metrics):
    found = samples(metrics.text())

    assert found['autosplit_requests_total{plan="split",protocol="http"}'] == 2
    assert found['autosplit_requests_total{plan="split",protocol="grpc"}'] == 1
    assert found['autosplit_samples_total{plan="split"}'] == 6
    assert found['autosplit_request_bytes_total{plan="split"}'] == 300
    assert found['autosplit_response_bytes_total{plan="raw"}'] == 10
    assert found['autosplit_run_seconds_total{plan="split"}'] == pytest.approx(0.003)
    assert found['autosplit_refusals_total{protocol="http",status="400"}'] == 1


def test_the_histogram_counts_what_is_at_most_each_end(metrics):
    found = samples(metrics.text())
    name = 'autosplit_server_seconds_bucket{plan="split",le="%s"}'

    assert [found[name % end] for end in ("0.001", "0.0025", "2.5", "+Inf")] == [0, 2, 2, 3]
    assert found['autosplit_server_seconds_count{plan="split"}'] == 3
    assert found['autosplit_server_seconds_sum{plan="split"}'] == pytest.approx(9.0045)


def test_every_name_has_its_help_and_type_before_its_samples(metrics):
    seen = set()
    for line in metrics.text().splitlines():
        if line.startswith("# TYPE "):
            seen.add(line.split()[2])
        elif not line.startswith("#"):
            name = line.partition("{")[0]
            assert name in seen or name.rpartition("_")[0] in seen
    assert metrics.text().endswith("\n")


def test_names_are_escaped():
    metrics = ServerMetrics()
    metrics.answered(AnsweredRequest("http", 'a"\\\n', 1, 1, 1, 0.1, 0.1))
    assert 'plan="a\\"\\\\\\n"' in metrics.text()


def test_median_and_p95_of_the_last_requests(metrics):
    assert metrics.plans["split"].median_s == 0.0025
    assert metrics.plans["split"].p95_s == 9.0
    for _ in range(300):
        metrics.answered(AnsweredRequest("http", "split", 1, 1, 1, 0.5, 0.1))
    assert metrics.plans["split"].median_s == metrics.plans["split"].p95_s == 0.5


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (19, 19), (20, 19), (40, 38)])
def test_95_of_100_requests_are_answered_within_p95(count, expected):
    """Of requests that take 1, 2, ... seconds: 95 % of 20 are 19, of 19 they are 18.05."""
    metrics = ServerMetrics()
    for second in range(count, 0, -1):
        metrics.answered(AnsweredRequest("http", "split", 1, 1, 1, second, 0.1))
    assert metrics.plans["split"].p95_s == expected


def test_each_request_is_a_line_of_json():
    lines = []
    metrics = ServerMetrics(log=lines.append)
    metrics.answered(AnsweredRequest("http", "split", 2, 100, 10, 0.5, 0.25))
    metrics.refuse("grpc", "NOT_FOUND", "no\nplan")

    first, second = map(json.loads, lines)
    assert first.pop("time_s") > 1e9
    assert first == {
        "event": "infer",
        "status": "ok",
        "protocol": "http",
        "plan": "split",
        "samples": 2,
        "request_bytes": 100,
        "response_bytes": 10,
        "server_s": 0.5,
        "run_s": 0.25,
    }
    assert (second["status"], second["error"]) == ("NOT_FOUND", "no\nplan")
    assert not any("\n" in line for line in lines)
