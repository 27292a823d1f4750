"""Networks of transformers, from a folder of files."""

import json
import sys

import pytest
from loaded import model_error

from autosplit.errors import MissingExtraError
from autosplit.models.load import load_model
from autosplit.runs.network import capture_network

SMALL = {
    "architectures": ["BertForSequenceClassification"],
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "id2label": {"0": "good", "1": "bad", "2": "neither"},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    return tmp_path


@pytest.mark.slow
def test_a_folder_is_a_network_with_ids_and_a_mask(folder):
    pytest.importorskip("transformers")
    model = load_model(f"transformers:{folder}")
    program = capture_network(model, equalized=False)

    assert list(program.graph.inputs) == ["input_ids", "attention_mask"]
    assert (program.answers, model.task, model.output) == (("logits",), "classification", "logits")
    assert model.labels == ("good", "bad", "neither")
    assert model.example_input["input_ids"].shape == (1, 24)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"architectures": ["BertForSequenceClasification"]}, "did you mean 'BertForSequence"),
        ({"architectures": ["os"]}, "must name a network of transformers, got 'os'"),
    ],
)
def test_an_architecture_that_there_is_not(folder, config, problem):
    pytest.importorskip("transformers")
    (folder / "config.json").write_text(json.dumps(SMALL | config))

    assert problem in model_error(f"transformers:{folder}")


@pytest.mark.slow
def test_pickled_weights_are_refused(folder):
    pytest.importorskip("transformers")
    (folder / "pytorch_model.bin").write_bytes(b"x")

    assert "has pytorch_model.bin, which would have to be unpickled" in model_error(
        f"transformers:{folder}"
    )


def test_code_of_the_folder_is_never_run(folder):
    (folder / "config.json").write_text(json.dumps(SMALL | {"auto_map": {"AutoModel": "m.M"}}))

    assert "names code of its own (auto_map)" in model_error(f"transformers:{folder}")


@pytest.mark.parametrize(("text", "problem"), [("{", "readable JSON"), ("[]", "must be a mapping")])
def test_a_config_that_is_none(folder, text, problem):
    (folder / "config.json").write_text(text)

    assert problem in model_error(f"transformers:{folder}")


def test_a_folder_without_a_config(tmp_path):
    assert "must be a folder with config.json" in model_error(f"transformers:{tmp_path}")


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"autosplit\[transformers\]"):
        load_model(f"transformers:{folder}")
