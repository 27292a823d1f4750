"""A link is measured to what it is: on a clock of the test, to a real server, through a shaper."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scripted import server as scripted

from autosplit.deploy import link_profile
from autosplit.deploy.connection import Connection, ServerError
from autosplit.deploy.link_profile import MeasuredRate, measure_link, profile_link
from autosplit.hardware.link import load_link

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
ROOT = os.geteuid() == 0 and None not in (shutil.which("ip"), shutil.which("tc"))


@dataclass
class IdealLink:
    """A server behind a link whose clock moves by what the link takes, and by nothing else."""

    up_bps: float
    down_bps: float
    rtt_s: float
    own_s: float = 0.0
    slower: tuple = (1.0,)
    now: float = 100.0
    sizes: list = field(default_factory=list)
    server: str = "http://far"
    connect_s: float = float("nan")

    def perf_counter(self):
        return self.now

    monotonic = perf_counter

    def close(self):
        self.connect_s = self.rtt_s

    def ask(self, path, timeout_s, body=None):
        del timeout_s
        count = int(path.rpartition("/")[2]) if body is None else 0
        up, down = (8 * len(body or b"") / self.up_bps, 8 * count / self.down_bps)
        factor = self.slower[len(self.sizes) % len(self.slower)]
        self.now += self.rtt_s + self.own_s + (up + down) * factor
        self.sizes.append(len(body or b"") + count)
        return bytes(count), {}


def measured(monkeypatch, ideal):
    monkeypatch.setattr(link_profile, "time", ideal)
    return measure_link(ideal)


def test_a_few_messages_that_are_faster_do_not_set_the_rate(monkeypatch):
    """One long message of five takes a quarter of the seconds, up and down."""
    faster = (1.0,) * 4 + (0.25,) + (1.0,) * 4 + (0.25,)
    found = measured(monkeypatch, IdealLink(4e6, 2e7, 0.004, slower=faster))

    assert found.up.bps == pytest.approx(4e6)
    assert found.down.bps == pytest.approx(2e7)


@pytest.mark.parametrize("rtt_s", [0.0, 0.004, 0.5])
def test_an_ideal_link_is_found_exactly(monkeypatch, rtt_s):
    found = measured(monkeypatch, IdealLink(4e6, 2e7, rtt_s, own_s=0.003))

    assert found.up.bps == pytest.approx(4e6)
    assert found.down.bps == pytest.approx(2e7)
    assert (found.rtt_s, found.message_s) == pytest.approx((rtt_s, 0.003))
    # 0.2 s at 4 Mbit/s are 100 kB, at 20 Mbit/s 500 kB: the next powers of two
    assert (found.up.size_bytes, found.down.size_bytes) == (131072, 524288)
    assert (found.up.runs, found.up.spread) == (7, pytest.approx(0))


def test_a_fast_link_is_measured_with_the_longest_messages(monkeypatch):
    ideal = IdealLink(1e11, 1e11, 0.0)

    assert measured(monkeypatch, ideal).up.size_bytes == max(ideal.sizes) == 8 << 20


def test_a_link_that_changes_is_measured_longer_and_warned_of(monkeypatch):
    # of each four requests two are empty: the long ones take 1 and 3 times the seconds
    ideal = IdealLink(4e6, 4e6, 0.0, slower=(1, 1, 1, 3))
    with pytest.warns(match=r"rate (up|down) is known within \d+ % only after 30 messages"):
        found = measured(monkeypatch, ideal)

    assert found.up.runs == 30


def test_measuring_ends_when_its_time_is_over(monkeypatch):
    ideal = IdealLink(2e4, 2e4, 0.0, slower=(1, 1, 1, 3))  # the first message takes 6.5 s
    with pytest.warns(match="is known within"):
        found = measured(monkeypatch, ideal)

    assert found.up.runs == 7


@pytest.mark.filterwarnings("ignore:profile")
def test_the_profile_is_a_link_that_the_search_takes(address, tmp_path, monkeypatch):
    monkeypatch.setattr(link_profile, "MOST_RUNS", 7)
    start = time.perf_counter()

    found = profile_link(Connection(f"http://{address}"), tmp_path / "here.yaml")

    link = load_link(tmp_path / "here.yaml")
    assert (link.name, link.uplink_bps) == ("here", pytest.approx(found.up.bps, rel=1e-3))
    assert (link.downlink_bps, link.rtt_s) == pytest.approx((found.down.bps, found.rtt_s), rel=1e-3)
    assert "profile --link to 127.0.0.1: medians of 7 messages of" in link.source
    assert link.uplink_bps > 1e7
    assert link.downlink_bps > 1e7
    assert 0 < link.rtt_s < time.perf_counter() - start


@pytest.mark.parametrize("status", [b"404 Not Found", b"405 Method Not Allowed"])
def test_a_server_that_measures_no_links_is_named(status):
    refusal = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with scripted([refusal]) as (url, _), pytest.raises(ServerError, match="has no /v2/link"):
        measure_link(Connection(url))


def test_a_refusal_of_another_kind_is_told_as_it_is():
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    with scripted([refusal]) as (url, _), pytest.raises(ServerError, match="401, Unauthorized"):
        measure_link(Connection(url))


def test_an_answer_of_another_length_is_no_measurement(monkeypatch):
    ideal = IdealLink(4e6, 4e6, 0.0)
    ask = ideal.ask
    ideal.ask = lambda path, timeout_s, body=None: (b"", ask(path, timeout_s, body)[1])
    with pytest.raises(ServerError, match="must give 16384 bytes, gave 0"):
        measured(monkeypatch, ideal)


def test_a_rate_is_told_with_its_spread():
    up, down = MeasuredRate(3.2e6, 0.011, 7, 131072), MeasuredRate(1.25e7, 0.02, 9, 262144)
    text = link_profile.link_words(link_profile.MeasuredLink(up, down, 0.0123, 0.0004))

    assert text.splitlines() == [
        (
            "up 3.2 Mbit/s (within 1.1 % after 7 messages of 131,072 bytes), "
            "down 12.5 Mbit/s (within 2.0 % after 9 messages of 262,144 bytes)"
        ),
        "round trip 12.3 ms, and 0.4 ms more of both ends for each message",
    ]


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="network namespaces need root and iproute2")
@pytest.mark.parametrize("bps", [1e6, 20e6])
def test_a_shaped_link_is_measured_to_its_rate(monkeypatch, bps):
    """The shaper counts frames of 1,514 bytes, of which TCP has 1,448."""
    monkeypatch.syspath_prepend(EXPERIMENTS)
    links = importlib.import_module("deployed_links")
    with links.link() as ends:
        ends.shape(bps)
        script = f"""
import json, sys, threading, time, uvicorn
from dataclasses import asdict
from types import SimpleNamespace
from autosplit.deploy.http_server import make_app
if sys.argv[1] == "cloud":
    uvicorn.run(make_app(SimpleNamespace(served=(), metrics=None)), host="{links.CLOUD}", port=8000)
from autosplit.deploy.connection import Connection
from autosplit.deploy.link_profile import measure_link
found = measure_link(Connection("http://{links.CLOUD}:8000"))
print(json.dumps(asdict(found)))
"""
        python = [sys.executable, "-c", script]
        server = subprocess.Popen(ends.within(ends.cloud, [*python, "cloud"]))
        try:
            for _ in range(100):
                time.sleep(0.1)
                edge = ends.within(ends.edge, [*python, "edge"])
                found = subprocess.run(edge, check=False, capture_output=True, text=True)
                if found.returncode == 0:
                    break
        finally:
            server.terminate()
            server.wait()
    got = json.loads(found.stdout)

    assert got["up"]["bps"] == pytest.approx(links.SHARE * bps, rel=0.03)
    assert got["down"]["bps"] == pytest.approx(links.SHARE * bps, rel=0.03)
    assert 0 < got["rtt_s"] < 0.01
