"""Answers and inputs that people have, from ``autosplit run`` to the scores, with known values."""

import csv

import pytest
import torch
from torch import nn

from autosplit.errors import DataError
from autosplit.runs.stages.run import run


class TokenIds(nn.Module):
    """A text encoder: integers in, a mean of embeddings, classes out."""

    def __init__(self):
        super().__init__()
        self.e, self.h = nn.Embedding(1000, 16), nn.Linear(16, 5)

    def forward(self, ids):
        return self.h(self.e(ids).mean(1))


class TwoPictures(nn.Module):
    """RGB and depth."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.h = nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 3), nn.Linear(8, 4)

    def forward(self, rgb, depth):
        return self.h((self.a(rgb) + self.b(depth)).relu().mean((2, 3)))


class OneAnswer(nn.Module):
    """Yes or no, by a sigmoid."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(16, 1)
        nn.init.zeros_(self.b.bias)

    def forward(self, x):
        return torch.sigmoid(20 * self.b(torch.tanh(self.a(x))))


class FeaturesAndClasses(nn.Module):
    """Two outputs, of which the second has the classes."""

    def __init__(self):
        super().__init__()
        self.a, self.h = nn.Linear(20, 8), nn.Linear(8, 5)

    def forward(self, x):
        features = self.a(x).relu()
        return features, self.h(features)


class Pixels(nn.Module):
    """A class for each pixel, in a dictionary as torchvision gives it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        y = self.b(self.a(x).relu())
        return {"out": nn.functional.interpolate(y, x.shape[-2:], mode="bilinear")}


class Masked(nn.Module):
    """What a tokenizer gives: a dictionary of ids and a mask."""

    def __init__(self):
        super().__init__()
        self.e, self.h = nn.Embedding(50, 8), nn.Linear(8, 3)

    def forward(self, input_ids, attention_mask=None):
        x = self.e(input_ids) * attention_mask[..., None]
        return {"logits": self.h(x.sum(1) / attention_mask.sum(1, keepdim=True))}


def ids(count):
    return torch.randint(0, 1000, (count, 12))


def pictures(count):
    return torch.randn(count, 3, 16, 16), torch.randn(count, 1, 16, 16)


def texts(count):
    mask = (torch.arange(6) < torch.randint(1, 7, (count, 1))).long()
    return {"input_ids": torch.randint(0, 50, (count, 6)), "attention_mask": mask}


def own_classes(network, inputs, output=None):
    """Labels that are the network's own classes."""
    with torch.no_grad():
        found = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    return (found if output is None else found[output]).argmax(1)


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Run all stages on a network and its batches, which files would give; plan -> its scores."""

    def call(network, example, make, **options):
        torch.manual_seed(0)
        built = network()
        batches = make(built)
        names = {"net": (built, example), "data": batches}
        monkeypatch.setattr(
            "autosplit.models.python_network.call_function", lambda *_: names["net"]
        )
        monkeypatch.setattr("autosplit.data.python_batches.call_function", lambda *_: names["data"])
        monkeypatch.setattr("autosplit.runs.hashes.batch_ends", lambda *_: "", raising=False)
        file = tmp_path / "own.py"
        file.write_text("def net(): ...\ndef data(): ...\n")
        given = {"model": f"{file}:net", "data": f"{file}:data", "links": ("3mbps",)}
        given |= {
            "memory_bytes": 10**8,
            "effort": "none",
            "methods": ("uniform2", "uniform8", "cloud16"),
        }
        for _ in run(tmp_path / "run", given | {"max_drop": None} | options):
            pass
        with (tmp_path / "run" / "scores.csv").open() as lines:
            return {row["name"]: row for row in csv.DictReader(lines)}

    with torch.random.fork_rng():
        yield call


def test_token_ids_cross_as_integers_of_ten_bits(scores):
    """12 ids of 1,000: 12 * 10 bits are 15 bytes, and nothing is lost."""
    found = scores(TokenIds, ids(2), lambda _: [ids(8) for _ in range(4)])

    assert (found["cloud16"]["cut_bytes"], found["cloud16"]["agreement"]) == ("15", "1.0")


def test_both_of_two_inputs_are_sent(scores):
    """3 * 16 * 16 + 16 * 16 bytes at 8 bits."""
    batches = [pictures(8) for _ in range(2)]
    found = scores(TwoPictures, pictures(2), lambda _: batches, coding="packed")

    assert found["cloud16"]["cut_bytes"] == "1024"
    assert float(found["uniform8"]["agreement"]) >= 15 / 16


def test_one_answer_is_compared_with_one_half(scores):
    torch.manual_seed(0)
    inputs = [torch.randn(16, 20) for _ in range(4)]
    found = scores(OneAnswer, torch.randn(2, 20), lambda _: inputs)

    assert float(found["uniform2"]["agreement"]) < 0.95
    assert (found["uniform8"]["agreement"], found["uniform8"]["drop"]) == ("1.0", "0.0")


def labelled(network):
    inputs = [torch.randn(16, 20) for _ in range(4)]
    return [(x, own_classes(network, x, 1)) for x in inputs]


def test_of_two_outputs_the_one_that_is_meant_is_scored(scores):
    found = scores(FeaturesAndClasses, torch.randn(2, 20), labelled, output="1")

    assert found["float"]["top1"] == "1.0"


def test_of_two_outputs_one_is_asked_for_before_anything_is_measured(scores, tmp_path):
    with pytest.raises(DataError, match=r"2 outputs, 0 \(16, 8\), 1 \(16, 5\); .* --output NAME"):
        scores(FeaturesAndClasses, torch.randn(2, 20), labelled)

    assert not (tmp_path / "run" / "graph.json").exists()


def test_pixels_agree(scores):
    found = scores(Pixels, torch.randn(1, 3, 32, 32), lambda _: [torch.randn(8, 3, 32, 32)] * 2)

    assert float(found["uniform8"]["pixel_agreement"]) > 0.99
    assert float(found["uniform8"]["sqnr_db"]) > 25
    assert float(found["uniform2"]["sqnr_db"]) < 20


def test_a_dictionary_of_inputs_goes_in_by_name(scores):
    def make(network):
        return [({**one, "labels": own_classes(network, one, "logits")}) for one in [texts(16)] * 4]

    found = scores(Masked, texts(2), make)

    assert found["float"]["top1"] == "1.0"
    assert float(found["cloud16"]["top1"]) == 1.0
    # 6 ids of 50 are 6 bits each, 6 switches one bit each: 36 and 6 bits are 5 + 1 bytes
    assert found["cloud16"]["cut_bytes"] == "6"
