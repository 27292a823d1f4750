"""Answers go on, each once and right, while the link is cut, stalls, and the server is killed."""

import contextlib
import shutil
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from autosplit.deploy.adaptive import AdaptiveClient
from autosplit.deploy.client import EdgeClient
from autosplit.deploy.connection import Connection, ServerError
from autosplit.deploy.link_estimate import PlanTimes
from autosplit.deploy.manifest import read_manifest, write_manifest
from autosplit.errors import FileError


class Relay:
    """A link to a server: ``cut`` takes no more connections, ``held`` lets no byte pass."""

    def __init__(self, address):
        host, port = address.split(":")
        self.server = host, int(port)
        self.held = self.cut = False
        self.open = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                device, _ = self.listening.accept()
                if self.cut:
                    device.close()
                    continue
                far = socket.create_connection(self.server)
                self.open += [device, far]
                for one, other in ((device, far), (far, device)):
                    threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, one, other):
        with contextlib.suppress(OSError):
            while part := one.recv(65536):
                while self.held:
                    time.sleep(0.01)
                other.sendall(part)
        self.end(one, other)

    def end(self, *sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def break_off(self):
        self.cut = True
        self.end(*self.open)

    def close(self):
        self.held = False
        self.break_off()
        self.end(self.listening)
        for one in (*self.open, self.listening):
            one.close()


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


@pytest.fixture(scope="module")
def right(small, bundle, address):
    """Answer of each plan to each image."""
    found = {}
    for name in ("split", "edge", "raw"):
        with EdgeClient(bundle, f"http://{address}", name) as one:
            found[name] = [
                one.infer({"x": small.images.numpy()[i : i + 1]}).outputs["output:0"]
                for i in range(16)
            ]
    return found


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
