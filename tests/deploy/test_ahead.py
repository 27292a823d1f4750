"""The edge half of the next input runs while the last one is on a slow link."""

import threading

import numpy as np
import pytest

from autosplit.deploy.ahead import infer_ahead
from autosplit.deploy.client import EdgeClient
from autosplit.deploy.connection import Connection, ServerError
from autosplit.deploy.infer import infer_sources
from autosplit.deploy.sessions import EdgeModel


class SlowLink(Connection):
    """A link that carries a message no sooner than the next input's edge half has begun."""

    begun: tuple[threading.Event, ...] = ()
    sent = 0

    def ask(self, path, timeout_s, body=None, headers=None):
        if body is not None:
            self.sent += 1
            if self.sent < len(self.begun):
                assert self.begun[self.sent].wait(20), "the next edge half waits for the link"
        return super().ask(path, timeout_s, body, headers)


class Noted:
    """An edge half that tells when each of its runs begins."""

    def __init__(self, edge, begun):
        self.edge, self.begun, self.runs = edge, begun, 0
        self.session, self.layout = edge.session, edge.layout

    def __call__(self, inputs):
        self.begun[self.runs].set()
        self.runs += 1
        return self.edge(inputs)


def test_each_edge_half_begins_before_the_last_message_is_there(small, bundle, address, right):
    link = SlowLink(f"http://{address}")
    link.begun = tuple(threading.Event() for _ in range(5))
    images = small.images.numpy()
    with EdgeClient(bundle, link, "split") as client:
        edge = client.edge = Noted(client.edge, link.begun)

        answers = list(infer_ahead(client, ({"x": images[i : i + 1]} for i in range(5))))

        assert client.edge is edge
    assert edge.runs == len(answers) == 5
    for answer, want in zip(answers, right["split"], strict=False):
        np.testing.assert_array_equal(answer.outputs["output:0"], want)
        assert 0 < answer.edge_s < answer.total_s


def test_no_input_has_no_answer_and_one_input_needs_no_other(small, bundle, address, right):
    with EdgeClient(bundle, f"http://{address}", "split") as client:
        assert list(infer_ahead(client, [])) == []
        (only,) = infer_ahead(client, [{"x": small.images.numpy()[:1]}])

    np.testing.assert_array_equal(only.outputs["output:0"], right["split"][0])


def test_sources_go_ahead_too_unless_told_otherwise(small, bundle, address, monkeypatch, tmp_path):
    """Of three inputs, each edge half but the first begins before the last answer is there."""
    np.save(tmp_path / "x.npy", small.images.numpy()[:3])
    order = []

    def noting(word, call):
        def noted(client, one):
            order.append(word)
            return call(client, one)

        return noted

    for word, name in (("edge", "compute"), ("link", "finish")):
        monkeypatch.setattr(EdgeClient, name, noting(word, getattr(EdgeClient, name)))
    asked = bundle, tmp_path / "x.npy", Connection(f"http://{address}"), "split", None
    *_, summary = infer_sources(*asked, ahead=False)
    assert order == ["edge", "link"] * 3
    assert summary.endswith(" answers a second")

    order.clear()
    link = SlowLink(f"http://{address}")
    link.begun = tuple(threading.Event() for _ in range(3))
    load = EdgeModel.load
    monkeypatch.setattr(EdgeModel, "load", lambda *given: Noted(load(*given), link.begun))
    assert len(list(infer_sources(*asked[:2], link, "split", None))) == 4
    assert sorted(order) == ["edge"] * 3 + ["link"] * 3


def test_an_error_of_the_server_comes_at_its_place(small, bundle):
    with EdgeClient(bundle, "http://127.0.0.1:9", "split") as client:
        edge = client.edge
        with pytest.raises(ServerError):
            next(infer_ahead(client, [{"x": small.images.numpy()[:1]}]))
        assert client.edge is edge
