"""The edge answers what it is sure of, the rest crosses; audits, floors, a server out of reach."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from escalations import SENT, half_sure
from refusing import AWAY, BUSY, GARBLED, MISCOUNTED, WITHOUT_OUTPUTS, refusing
from relays import Relay
from served import serving

from autosplit.deploy.adaptive import takes_inputs
from autosplit.deploy.audit import LEAST_CHECKED, Audit
from autosplit.deploy.bundle import Exporter
from autosplit.deploy.client import EdgeClient
from autosplit.deploy.connection import Connection, ServerError
from autosplit.deploy.escalate import EscalationClient
from autosplit.deploy.manifest import read_manifest
from autosplit.errors import FileError


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    """A bundle of escalations that answer half of the images on the edge, and a server of it."""
    found = half_sure(small)
    found.folder = tmp_path_factory.mktemp("escalations") / "small"
    Exporter(small.program, small.model, "classification").export(found.files, found.folder)
    with serving(found.folder) as found.address:
        yield found


def client_of(made, plan, server=None, **more):
    return EscalationClient(made.folder, server or f"http://{made.address}", plan, **more)


@pytest.mark.parametrize("plan", SENT)
def test_share_answers_and_bytes_are_those_of_the_reference(made, plan):
    with client_of(made, plan) as client:
        answers = [client.infer({"x": made.images[i : i + 1]}) for i in range(16)]

    assert [one.sent_on[0] for one in answers] == made.asked.tolist()
    assert [one.confidences[0] for one in answers] == pytest.approx(made.margins, abs=1e-6)
    got = np.concatenate([one.outputs["output:0"] for one in answers])
    np.testing.assert_allclose(got, made.expected[plan], rtol=1e-4, atol=1e-6)
    assert [one.sent_bytes for one in answers] == np.where(made.asked, made.sizes[plan], 0).tolist()
    promised = read_manifest(made.folder).plan(plan).predicted
    assert np.mean([one.sent_bytes for one in answers]) == promised["sent_bytes"]
    assert np.mean([not one.sent_on[0] for one in answers]) == promised["edge_share"] == 0.5
    assert all((one.link_s > 0) == one.sent_on[0] and one.edge_s > 0 for one in answers)


@pytest.mark.parametrize("plan", SENT)
def test_of_a_batch_only_the_unsure_samples_are_sent(made, plan):
    with client_of(made, plan) as client:
        answer = client.infer({"x": made.images})

    assert list(answer.sent_on) == made.asked.tolist()
    assert answer.sent_bytes == made.sizes[plan][made.asked].sum()
    got = answer.outputs["output:0"]
    np.testing.assert_allclose(got, made.expected[plan], rtol=1e-4, atol=1e-6)


def test_all_confident_answers_are_checked_if_asked(made):
    cloud = deploy_answers(made, "input")
    with client_of(made, "input", audit=Audit(1.0)) as client:
        for i in range(16):
            client.infer({"x": made.images[i : i + 1]})
            client.settle()

    same = cloud.argmax(1) == made.own.argmax(1)
    assert client.audit.checked == (~made.asked).sum() == 8
    assert client.audit.agreed == same[~made.asked].sum()
    assert client.audit.lost == 0


def deploy_answers(made, plan):
    """What the cloud half answers to every image."""
    with EdgeClient(made.folder, f"http://{made.address}", plan) as always:
        return np.concatenate(
            [always.infer({"x": made.images[i : i + 1]}).outputs["output:0"] for i in range(16)]
        )


def test_below_the_floor_everything_is_sent_and_the_edge_is_still_compared(made):
    audit = Audit(1.0, floor=0.5)
    for _ in range(LEAST_CHECKED):
        audit.noted(False)
    with client_of(made, "input", audit=audit) as client:
        low = client.infer({"x": made.images})
        client.settle()
        assert low.sent_on == (True,) * 16
        assert audit.checked == LEAST_CHECKED + 8  # the confident ones alone
        for _ in range(40):
            audit.noted(True)
        high = client.infer({"x": made.images})

    np.testing.assert_allclose(
        low.outputs["output:0"], deploy_answers(made, "input"), rtol=1e-4, atol=1e-6
    )
    assert list(high.sent_on) == made.asked.tolist()


def test_answers_that_wait_to_be_checked_are_few(made, monkeypatch):
    waits = []
    with client_of(made, "input", audit=Audit(1.0)) as client:
        monkeypatch.setattr(
            client._auditor,
            "submit",
            lambda *given: waits.append(given) or SimpleNamespace(done=lambda: False),
        )
        client.infer({"x": made.images})
        client._waiting.clear()

    assert (len(waits), client.audit.lost) == (4, 4)


def test_out_of_reach_every_answer_is_the_edges_and_the_server_is_not_asked_each_time(made):
    relay = Relay(made.address)
    try:
        with client_of(made, "input", Connection(relay.address), audit=Audit(1.0)) as client:
            relay.break_off()
            late = client.infer({"x": made.images})
            assert late.link_s > 0
            asked = []
            real = client.remote.answer
            client.remote.answer = lambda *given: asked.append(given) or real(*given)
            away = client.infer({"x": made.images})
            client.settle()
            assert asked == []
            np.testing.assert_allclose(away.outputs["output:0"], made.own, rtol=1e-5, atol=1e-6)
            assert away.sent_on == (False,) * 16
            assert away.sent_bytes == 0
            assert client.fallbacks == 16
            assert client.audit.checked == 0
            assert client.audit.lost == 16

            relay.cut = False
            client._retry = (0.0, client._retry[1])
            back = client.infer({"x": made.images})
            assert list(back.sent_on) == made.asked.tolist()
            assert len(asked) == 1
    finally:
        relay.close()


@pytest.mark.parametrize("given", [BUSY, AWAY, GARBLED, MISCOUNTED, WITHOUT_OUTPUTS])
def test_a_server_that_is_busy_or_not_understood_costs_no_answer(made, given):
    with refusing(*given) as address, client_of(made, "input", Connection(address)) as client:
        answer = client.infer({"x": made.images})

    np.testing.assert_allclose(answer.outputs["output:0"], made.own, rtol=1e-5, atol=1e-6)
    assert answer.sent_on == (False,) * 16
    assert client.fallbacks == made.asked.sum() == 8
    assert client.reason


def test_pictures_of_an_escalation_are_not_sent_by_a_client_of_plans(made):
    with (
        EdgeClient(made.folder, f"http://{made.address}", "jpeg") as client,
        pytest.raises(ServerError, match="inputs: must be x, got none"),
    ):
        client.infer({"x": made.images})


def test_a_plan_that_is_none_is_refused(bundle):
    with pytest.raises(FileError, match="split: must be an escalation, is none"):
        EscalationClient(bundle, "http://127.0.0.1:9", "split")


def test_plans_that_change_with_the_link_are_no_escalations(made):
    plan = read_manifest(made.folder).plan("tensors")

    assert not takes_inputs(plan)
    assert takes_inputs(replace(plan, rule=None))


def test_a_manifest_whose_rule_reads_another_output_is_refused(made, tmp_path):
    text = (made.folder / "manifest.yaml").read_text()
    assert text.count("output: output:0") == 3
    (tmp_path / "manifest.yaml").write_text(text.replace("output: output:0", "output: output:7"))

    with pytest.raises(FileError, match=r"rule: output must be one of output:0, got 'output:7'"):
        read_manifest(tmp_path)


def test_the_edge_halves_give_no_more_than_is_sent(made):
    edges = {plan.name: plan.edge for plan in read_manifest(made.folder).plans}
    sizes = {name: (made.folder / edge).stat().st_size for name, edge in edges.items()}

    assert sizes["jpeg"] <= sizes["input"]
