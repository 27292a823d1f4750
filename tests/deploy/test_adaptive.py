"""Answers go on, each once and right, while the link is cut, stalls, and the server is killed."""

import shutil
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from refusing import AWAY, BUSY, GARBLED, MISCOUNTED, WITHOUT_OUTPUTS, refusing
from relays import Relay

from autosplit.deploy.adaptive import (
    FIRST_RETRY_S,
    STALE_S,
    AdaptiveClient,
    takes_inputs,
    time_to_wait,
)
from autosplit.deploy.client import Answer, Computed, EdgeClient
from autosplit.deploy.connection import Connection, ServerError, UnreachableError
from autosplit.deploy.link_estimate import PlanTimes
from autosplit.deploy.manifest import read_manifest, write_manifest
from autosplit.errors import FileError


@pytest.fixture
def relay(address):
    found = Relay(address)
    yield found
    found.close()


@pytest.fixture
def client(bundle, relay):
    with AdaptiveClient(bundle, Connection(relay.address)) as client:
        client.choice.times["edge"] = PlanTimes(10.0, 0.0, 0)  # the server is the faster one
        yield client


def ask(client, small, right, places):
    """Plans that answered, each answer compared with that plan's own."""
    plans = []
    for place in places:
        answer = client.infer({"x": small.images.numpy()[place : place + 1]})
        np.testing.assert_allclose(
            answer.outputs["output:0"], right[answer.plan][place], rtol=1e-4, atol=1e-6
        )
        plans.append(answer.plan)
    return plans


def wait_until(true):
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError


def test_a_cut_link_is_bridged_by_the_edge_and_left_when_it_is_back(client, small, right, relay):
    before = ask(client, small, right, range(4))
    relay.break_off()
    during = ask(client, small, right, range(4, 8))
    assert client.choice.reachable is False
    relay.cut = False
    wait_until(lambda: client.choice.reachable)
    after = ask(client, small, right, range(8, 12))

    assert "edge" not in before
    assert during == ["edge"] * 4
    assert "edge" not in after
    assert client.fallbacks == 1


def test_an_answer_that_is_late_comes_from_the_edge(bundle, small, right, relay):
    with AdaptiveClient(bundle, Connection(relay.address), deadline_s=2.5) as client:
        client.choice.times["edge"] = PlanTimes(1.0, 0.0, 0)
        client.choice.times["split"] = PlanTimes(0.0, 0.0, 1)
        relay.held = True
        assert ask(client, small, right, [3]) == ["edge"]
        relay.held = False


@pytest.mark.parametrize("given", [BUSY, AWAY, GARBLED, MISCOUNTED, WITHOUT_OUTPUTS])
def test_a_server_that_is_busy_or_not_understood_costs_no_answer(bundle, small, right, given):
    with (
        refusing(*given) as address,
        AdaptiveClient(bundle, Connection(address), deadline_s=20.0) as client,
    ):
        client.choice.times["edge"] = PlanTimes(10.0, 0.0, 0)
        assert ask(client, small, right, range(3)) == ["edge"] * 3
        assert client.choice.reachable is False
        assert client._asking.is_alive()
        assert client.fallbacks == 1
        assert client.reason


def test_a_server_that_refuses_for_good_is_an_error(bundle, small):
    with (
        refusing(401, b"a token", {}) as address,
        AdaptiveClient(bundle, Connection(address)) as client,
    ):
        client.choice.times["edge"] = PlanTimes(10.0, 0.0, 0)
        with pytest.raises(ServerError, match="401, a token"):
            client.infer({"x": small.images.numpy()[:1]})


def test_many_cuts_lose_and_double_nothing(client, small, right, relay):
    plans = []
    for place in range(48):
        relay.cut = place % 6 in (2, 3)
        if relay.cut:
            relay.break_off()
        plans += ask(client, small, right, [place % 16])
        if place % 6 == 4:
            wait_until(lambda: client.choice.reachable)

    assert len(plans) == 48
    assert set(plans) > {"edge"}


def test_a_bundle_without_an_edge_plan_is_refused(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "b")
    manifest = read_manifest(bundle)
    kept = tuple(plan for plan in manifest.plans if plan.cloud is not None)
    write_manifest(tmp_path / "b", replace(manifest, plans=kept))
    with pytest.raises(FileError, match="must have a plan that answers on the edge alone"):
        AdaptiveClient(tmp_path / "b", Connection("http://127.0.0.1:9"))


def test_a_refusal_in_the_background_is_asked_again(client, small, right, relay, monkeypatch):
    real, refused = EdgeClient.infer, []

    def first_refused(self, inputs):
        if threading.current_thread() is not threading.main_thread() and not refused:
            refused.append("429")
            raise ServerError("429, the queue is full")
        return real(self, inputs)

    monkeypatch.setattr(EdgeClient, "infer", first_refused)
    relay.break_off()
    assert ask(client, small, right, [0]) == ["edge"]
    relay.cut = False
    wait_until(lambda: client.choice.reachable)

    assert refused == ["429"]


class FakeClient:
    """An ``EdgeClient`` without files or a server: 0.2 s on the edge, or 0.28 s with a server."""

    made, asked, failures = [], [], []

    def __init__(self, folder, connection, plan, threads=1, timeout_s=30.0):
        self.chosen = next(one for one in PLANS if one.name == plan)
        self.timeout_s = timeout_s
        self.connection = connection
        FakeClient.made.append(plan)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def edge(self, _):
        pass

    def infer(self, inputs):
        return self.finish(self.compute(inputs))

    def compute(self, _):
        return Computed(None, {}, 0.0)

    def finish(self, _):
        FakeClient.asked.append((self.chosen.name, self.timeout_s))
        if self.chosen.cloud is None:
            return Answer({}, self.chosen.name, 0.2)
        if FakeClient.failures:
            raise FakeClient.failures.pop(0)
        self.connection.connect_s = 0.02
        return Answer({}, self.chosen.name, 0.1, 0.01, 1000, 1250, 0.12, 0.05, 0.03)


def fake_plan(name, size, cloud, coding="packed", **cloud_ms):
    return SimpleNamespace(
        name=name,
        cloud=cloud,
        rule=None,
        wire=SimpleNamespace(tensors=[SimpleNamespace(coding=coding)] if cloud else []),
        predicted={
            "sent_bytes": size,
            "links": {link: {"cloud_ms": ms} for link, ms in cloud_ms.items()},
        },
    )


PLANS = (
    fake_plan("split", 1000, "c", lte=5.0, wifi=4.0),
    fake_plan("picture", 10, "c", "jpeg", lte=1.0),
    fake_plan("small", 100, "c", lte=9.0),
    fake_plan("edge", 0, None, lte=0.0),
)


@pytest.fixture
def fake(monkeypatch):
    """What makes an adaptive client of the fake plans."""
    manifest = SimpleNamespace(plans=PLANS, inputs=[])
    monkeypatch.setattr("autosplit.deploy.adaptive.read_manifest", lambda _: manifest)
    monkeypatch.setattr("autosplit.deploy.adaptive.EdgeClient", FakeClient)
    monkeypatch.setattr(FakeClient, "made", [])
    monkeypatch.setattr(FakeClient, "asked", [])
    monkeypatch.setattr(FakeClient, "failures", [])

    def make(**about):
        client = AdaptiveClient(None, Connection("http://127.0.0.1:9"), **about)
        times = client.choice.times
        assert (times["split"].cloud_s, times["split"].size_bytes) == (0.004, 1000)
        times["edge"] = PlanTimes(0.2, 0.0, 0)
        times["split"] = PlanTimes(0.0, 0.0, 1)
        times["small"] = PlanTimes(0.9, 0.0, 2)
        return client

    return make


def test_plans_that_send_pictures_are_left_out(fake):
    assert [one.name for one in PLANS if takes_inputs(one)] == ["split", "small", "edge"]
    with fake() as client:
        assert FakeClient.made == ["split", "small", "edge"]
        assert client.fallback == "edge"
        assert client.choice.present == "split"


@pytest.mark.parametrize(
    ("deadline_s", "wait_s"), [(None, 30.0), (1.0, 0.7), (0.31, 0.01), (0.1, 1e-3), (99.0, 30.0)]
)
def test_the_server_has_the_deadline_less_one_and_a_half_edge_answers(fake, deadline_s, wait_s):
    with fake(deadline_s=deadline_s) as client:
        client.infer({})
    assert FakeClient.asked == [("split", pytest.approx(wait_s))]


@pytest.mark.parametrize(
    ("deadline_s", "edge_s", "wait_s"),
    [
        (0.2, 0.0007, 0.1793),  # 200 - 0.7 - 20: a tenth of the deadline
        (1.0, 0.002, 0.973),  # 1000 - 2 - 25: the most that is kept free
        (1.0, 0.2, 0.7),  # 1000 - 200 - 100: half an edge answer
    ],
)
def test_a_short_edge_half_leaves_room_before_the_deadline(deadline_s, edge_s, wait_s):
    assert time_to_wait(deadline_s, edge_s) == pytest.approx(wait_s)


def test_the_edge_answers_before_the_server_is_asked_again(fake, monkeypatch):
    FakeClient.failures += [UnreachableError("late")]
    with fake() as client:
        monkeypatch.setattr(client, "_ask", lambda _: FakeClient.asked.append("again"))
        client.infer({})
    assert FakeClient.asked == [("split", 30.0), ("edge", 30.0), "again"]


def test_an_answer_is_noted_with_all_that_is_not_the_links(fake):
    with fake() as client:
        client.infer({})
        times, link = client.choice.times["split"], client.choice.link
    assert times.edge_s == pytest.approx(0.3 * 0.1)
    assert times.cloud_s == pytest.approx(0.3 * 0.06)  # coding 0.01, server 0.05 with its run
    assert times.size_bytes == pytest.approx(0.7 + 0.3 * 1250)
    assert link.rtt_s == 0.02
    assert link.uplink_bps == pytest.approx(10_000 / 0.1)


def test_a_late_answer_is_the_edges_and_the_server_is_asked_less_and_less_often(fake):
    FakeClient.failures += [UnreachableError("late"), *[ServerError("full")] * 6]
    pauses = []
    with fake() as client:
        client._closed = SimpleNamespace(wait=pauses.append, is_set=lambda: False, set=lambda: None)
        answer = client.infer({})
        client._asking.join()
        assert client.choice.reachable is True
    assert (answer.plan, answer.edge_s, client.fallbacks) == ("edge", 0.2, 1)
    assert answer.link_s > 0
    assert pauses == [FIRST_RETRY_S, 0.5, 1.0, 2.0, 4.0, 5.0]
    asked = [name for name, _ in FakeClient.asked]
    assert asked[0] == "split"
    assert "edge" in asked
    assert "small" not in asked  # the smallest message asks
    assert asked.count("split") == 1 + 6 + 2


def test_an_edge_half_that_ran_ahead_of_a_lost_server_does_not_wait_for_it_again(fake):
    FakeClient.failures += [UnreachableError("late")]
    with fake() as client:
        client._asking = SimpleNamespace(is_alive=lambda: True, join=lambda: None)
        last, following = client.compute({}), client.compute({})
        answers = [client.finish(last), client.finish(following)]
    assert [one.plan for one in answers] == ["edge", "edge"]
    assert [name for name, _ in FakeClient.asked] == ["split", "edge", "edge"]
    assert client.fallbacks == 2


@pytest.mark.parametrize(("silent_s", "asks"), [(STALE_S + 1, True), (STALE_S - 1, False)])
def test_a_silent_link_is_measured_again_in_time(fake, silent_s, asks):
    with fake() as client:
        client.choice.present = "edge"
        client.choice.times["edge"] = PlanTimes(0.0, 0.0, 0)
        client._last = time.monotonic() - silent_s
        assert client.infer({}).plan == "edge"
        if client._asking is not None:
            client._asking.join()
    assert (("split", 5.0) in FakeClient.asked) == asks
