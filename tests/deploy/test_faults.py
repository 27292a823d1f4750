"""A device whose server dies and whose link breaks answers each picture once and right."""

import itertools
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from relays import Relay

from autosplit.deploy.adaptive import AdaptiveClient
from autosplit.deploy.connection import Connection, UnreachableError
from autosplit.deploy.link_estimate import PlanTimes

DEADLINE_S = 1.0
EDGE_S = 0.2
"""What the edge is said to take, so that the server is the faster one."""
KILLS, QUESTIONS = 20, 1000


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def a_server(bundle, port):
    """A server as a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", "autosplit", "serve", str(bundle), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "serve: split, raw on" in process.stderr.readline()
            wait_for(port)
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def wait_for(port):
    """Wait until a server takes requests."""
    connection = Connection(f"http://127.0.0.1:{port}")
    for _ in range(600):
        try:
            connection.ask("/v2/health/ready", 5)
        except UnreachableError:
            time.sleep(0.05)
        else:
            connection.close()
            return
    raise AssertionError


@dataclass
class Asked:
    """Answers of a client so far; each is compared with the one that its plan must give.

    Attributes:
        right: Plan -> the answer to each image.
        plans: The plans that answered.
        slowest_s: Longest time that an answer took.
    """

    client: AdaptiveClient
    images: np.ndarray
    right: dict
    plans: list = field(default_factory=list)
    slowest_s: float = 0.0

    def one(self):
        place = len(self.plans) % len(self.images)
        start = time.perf_counter()
        answer = self.client.infer({"x": self.images[place : place + 1]})
        self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
        np.testing.assert_allclose(
            answer.outputs["output:0"], self.right[answer.plan][place], rtol=1e-4, atol=1e-6
        )
        self.plans.append(answer.plan)
        return answer.plan

    def until(self, true, most=3000):
        """Ask on until an answer is as it must be."""
        for _ in range(most):
            if true(self.one()):
                return
            time.sleep(0.01)
        raise AssertionError(self.plans[-20:])


class AlwaysSlow(PlanTimes):
    """Times of the edge that no answer changes."""

    def noted(self, *_):
        pass


def asked(small, right, client):
    client.choice.times["edge"] = AlwaysSlow(EDGE_S, 0.0, 0)
    return Asked(client, small.images.numpy(), right)


def killed(bundle, small, right, times):
    """Kill the server and start it again so many times, while a client asks."""
    port = free_port()
    with AdaptiveClient(bundle, Connection(f"http://127.0.0.1:{port}"), DEADLINE_S) as client:
        found = asked(small, right, client)
        for _ in range(times):
            with a_server(bundle, port):
                found.until(lambda plan: plan != "edge")
            found.until(lambda plan: plan == "edge")
    return found


def test_a_client_goes_on_while_its_server_is_killed(bundle, small, right):
    found = killed(bundle, small, right, 1)
    assert {"edge", found.plans[-2]} <= set(found.plans)


@pytest.mark.slow
def test_a_client_goes_on_while_its_server_is_killed_20_times(bundle, small, right):
    found = killed(bundle, small, right, KILLS)
    moves = sum(a != "edge" == b for a, b in itertools.pairwise(found.plans))
    assert moves >= KILLS
    print(f"{KILLS} kills: {len(found.plans)} answers, slowest {1e3 * found.slowest_s:.0f} ms")


BAD, WHOLE, PAUSE_S = 20, 60, 0.015
"""Answers for which the link is cut, held or slowed; those until it is again; the time between."""


def through(bundle, small, right, address, count, seed):
    """Ask so often while the link is cut, held and slowed in turns, and whole in between."""
    rng = random.Random(seed)
    relay = Relay(address)
    try:
        with AdaptiveClient(bundle, Connection(relay.address), DEADLINE_S) as client:
            found = asked(small, right, client)
            for place in range(count):
                moment = place % (BAD + WHOLE) - WHOLE // 2
                if moment == 0:
                    what = rng.choice(["cut", "held", "slowed", "late"])
                    if what == "cut":
                        relay.break_off()
                    relay.held = what == "held"
                    relay.delay_s = {"slowed": 0.03, "late": 2 * DEADLINE_S}.get(what, 0.0)
                elif moment == BAD:
                    relay.cut, relay.held, relay.delay_s = False, False, 0.0
                found.one()
                time.sleep(PAUSE_S)
    finally:
        relay.close()
    return found


def test_a_link_that_is_cut_held_or_slowed_loses_and_doubles_nothing(bundle, small, right, address):
    found = through(bundle, small, right, address, BAD + WHOLE, seed=0)
    assert len(found.plans) == BAD + WHOLE
    assert {"edge"} < set(found.plans)


@pytest.mark.slow
def test_1000_answers_over_a_link_that_breaks_are_there_by_the_deadline(
    bundle, small, right, address
):
    found = through(bundle, small, right, address, QUESTIONS, seed=1)
    assert len(found.plans) == QUESTIONS
    edge = found.plans.count("edge")
    assert QUESTIONS // 10 < edge < 3 * QUESTIONS // 4
    print(f"{QUESTIONS} answers, {edge} of the edge, slowest {1e3 * found.slowest_s:.0f} ms")
    assert found.slowest_s < DEADLINE_S
