import pytest

from autosplit.capture.capture import capture
from autosplit.compress.accuracy import float_score, labelled
from autosplit.data.datasets import load_data
from autosplit.evaluate.choice import AskedTask, judge_of
from autosplit.models.load import load_model


def test_the_bundled_network_scores_what_its_answers_say():
    model = load_model("fashion-resnet")
    program = capture(model.module, model.example_input, model.name)
    data = load_data("fashion-mnist", model.preprocess, evaluation_images=50)
    choice, judge = judge_of(program, model, data, AskedTask())

    score = float_score(program, judge, data.evaluation, choice.classes)

    ((images, labels),) = data.evaluation.batches(50)
    expected = (program.run((images,))[0].argmax(1) == labels).float().mean()
    assert score.accuracy == pytest.approx(float(expected))
    assert score.samples == 50
    assert score.text() == f"top-1 {100 * float(expected):.2f} %"
    assert labelled(data)
