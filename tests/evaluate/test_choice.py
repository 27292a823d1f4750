"""Which task is chosen, and which output."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from autosplit.capture.capture import capture
from autosplit.data.images import Images
from autosplit.data.python_batches import FunctionBatches
from autosplit.errors import DataError, OptionError
from autosplit.evaluate.choice import AskedTask, choose_task, judge_of
from autosplit.evaluate.probe import Probe
from autosplit.evaluate.task import ASKED_TASKS, DETECTION
from autosplit.runs.options import TASK_NAMES

DRAWN = torch.Generator().manual_seed(0)
LOGITS, FEATURES = torch.randn(8, 5, generator=DRAWN), torch.randn(8, 9, generator=DRAWN)
CLASSES = torch.arange(8) % 5
MAPS = torch.randn(8, 4, 3, 3, generator=DRAWN)


def probe(outputs, labels=None, bounded=()):
    if isinstance(outputs, torch.Tensor):
        outputs = {"output": outputs}
    return Probe(tuple(outputs), tuple(outputs.values()), labels, 8, bounded)


def chosen(outputs, labels=None, task=None, output=None, bounded=()):
    choice = choose_task(probe(outputs, labels, bounded), AskedTask(task, output))
    return choice.task.name, tuple(one.name for one in choice.scored)


@pytest.mark.parametrize(
    ("output", "labels", "task"),
    [
        (LOGITS, CLASSES, "classification"),
        (LOGITS, None, "classification"),
        (LOGITS, torch.ones(8, 5), "multi-label"),
        (LOGITS, torch.rand(8, 5), "regression"),
        (LOGITS[:, :1], CLASSES % 2, "binary"),
        (LOGITS[:, 0], (CLASSES % 2).float(), "binary"),
        (LOGITS[:, :1], torch.rand(8), "regression"),
        (MAPS, torch.ones(8, 3, 3).long(), "segmentation"),
        (MAPS, torch.rand(8, 4, 3, 3), "regression"),
        (torch.rand(8, 6, 4), torch.ones(8, 6).long(), "sequence-labelling"),
    ],
)
def test_a_clear_task_is_found(output, labels, task):
    assert chosen(output, labels) == (task, ("output",))


def test_a_sigmoid_says_yes_or_no():
    assert chosen(LOGITS[:, :1].sigmoid(), bounded=(True,))[0] == "binary"


@pytest.mark.parametrize(
    ("output", "labels", "words"),
    [
        (
            LOGITS[:, :1],
            None,
            r"from the output \(8, 1\) and no labels; .* binary, regression or FILE",
        ),
        (LOGITS[:, :1], CLASSES, "labels that are whole numbers .* binary, regression"),
        (MAPS, None, "segmentation, regression, embedding .*; of a detector say with --decode"),
        (torch.rand(8, 6, 4), None, "sequence-labelling, language-modelling"),
        (torch.rand(8, 2, 2, 2, 2), None, "regression, embedding"),
    ],
)
def test_a_task_that_is_not_clear_is_asked_for_in_one_line(output, labels, words):
    with pytest.raises(DataError, match=rf"task: is not clear .*{words}"):
        chosen(output, labels)


@pytest.mark.parametrize(
    ("outputs", "labels", "found"),
    [
        ({"features": FEATURES[:, :3], "head": LOGITS}, CLASSES, "head"),
        ({"hidden": FEATURES, "logits": LOGITS}, None, "logits"),
        ({"out": MAPS, "aux": MAPS}, None, "out"),
    ],
)
def test_the_output_is_found_by_its_name_or_its_labels(outputs, labels, found):
    assert chosen(outputs, labels)[1] == (found,)


def test_of_two_that_fit_one_is_asked_for():
    outputs = {"0": FEATURES, "1": LOGITS}
    with pytest.raises(DataError, match=r"2 outputs, 0 \(8, 9\), 1 \(8, 5\); .* --output NAME"):
        chosen(outputs, CLASSES)

    assert chosen(outputs, CLASSES, output="1") == ("classification", ("1",))
    assert chosen({"a": FEATURES, "b": LOGITS}, CLASSES, output="1")[1] == ("b",)


@pytest.mark.parametrize(
    ("outputs", "asked", "told"),
    [
        (CLASSES, {}, r"output \(8,\) is whole numbers; return the scores before argmax, or say"),
        (CLASSES, {"task": "classification"}, "return the scores before argmax"),
        ({"a": LOGITS, "b": CLASSES}, {"output": "b"}, r"output b \(8,\) is whole numbers"),
        (LOGITS[:, 0] > 0, {}, r"output \(8,\) is whole numbers"),
        (LOGITS.sum(), {}, r"an answer for each sample, output \(\) is one number"),
    ],
)
def test_an_answer_that_is_no_score_is_told(outputs, asked, told):
    with pytest.raises(DataError, match=told):
        chosen(outputs, CLASSES, **asked)


def test_a_function_of_ones_own_may_score_whole_numbers(tmp_path):
    (tmp_path / "own.py").write_text("def hit(out, labels): return (out == labels).float()")
    found = choose_task(probe(CLASSES, CLASSES), AskedTask(f"{tmp_path}/own.py:hit"))
    record = found.judge(None, None).empty()
    record.add(found.judge(None, None).read((CLASSES,), CLASSES + 1, 8, (CLASSES,)))

    assert [one.name for one in found.scored] == ["output"]
    assert record.scores()["score"] == 0.0


def test_all_outputs_are_scored_each_by_its_own_task():
    outputs = {"kind": LOGITS, "age": FEATURES[:, :1]}
    labels = {"kind": CLASSES, "age": torch.rand(8)}
    choice = choose_task(probe(outputs, labels), AskedTask(output="all"))

    assert choice.task.name == "several"
    assert [one.task.name for one in choice.scored] == ["classification", "regression"]
    assert "kind: classification, age: regression" in choice.text


def test_of_several_outputs_those_without_labels_are_not_scored():
    outputs = {"kind": LOGITS, "inner": FEATURES, "age": FEATURES[:, :1]}
    labels = {"kind": CLASSES, "age": torch.rand(8)}
    choice = choose_task(probe(outputs, labels), AskedTask(output="all"))
    answers = choice.judge(None, None).read(tuple(outputs.values()), labels, 8, None)

    assert [(one.name, one.place) for one in choice.scored] == [("kind", 0), ("age", 2)]
    assert choice.text.endswith(
        "kind: classification, age: regression, inner: not scored, has no labels)"
    )
    assert set(answers) == {"kind", "age"}


def test_of_several_outputs_a_task_that_is_assumed_is_said_to_be():
    outputs = {"kind": LOGITS, "inner": FEATURES}
    choice = choose_task(probe(outputs), AskedTask(output="all"))

    assert choice.text.endswith(
        "(as asked; kind: classification, assumed, inner: classification, assumed)"
    )


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (AskedTask("clasification"), "--task: unknown task 'clasification', did you mean"),
        (AskedTask(output="outptu"), "--output: unknown output 'outptu', did you mean 'output'"),
    ],
)
def test_unknown_names_are_told(asked, problem):
    with pytest.raises(OptionError, match=problem):
        choose_task(probe(LOGITS), asked)


def test_labels_that_do_not_suit_the_task_are_told_at_once():
    with pytest.raises(DataError, match="labels must be 0 or 1"):
        chosen(LOGITS[:, :1], CLASSES, "binary")
    with pytest.raises(DataError, match="detection needs a network with heads of boxes"):
        chosen(LOGITS, task="detection")


def test_a_function_of_ones_own_scores(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def score(outputs, labels):\n    return (outputs[:, 0] > 0).float()\n")
    choice = choose_task(probe(LOGITS), AskedTask(f"{file}:score"))
    record = choice.judge(None, None).empty()
    record.add(choice.judge(None, None).read((LOGITS,), None, 8, None))

    assert record.scores()["score"] == float((LOGITS[:, 0] > 0).float().mean())


class TestProbe:
    def judged(self, network, data, **asked):
        program = capture(network, (data[0][0],), "net")
        images = Images(FunctionBatches("data", "evaluation", 0, data))
        model = SimpleNamespace(name="net", heads=(), labels=(), preprocess=None)
        return judge_of(program, model, SimpleNamespace(evaluation=images), AskedTask(**asked))

    def test_the_last_operator_tells_of_probabilities(self):
        network = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten())
        choice, _ = self.judged(network, [(torch.rand(2, 3), None)][:1])

        assert choice.task.name == "binary"
        assert choice.scored[0].probabilities

    def test_labels_are_checked_before_anything_is_measured(self):
        data = [(torch.rand(4, 3), torch.tensor([0, 1, 2, 9]))]
        with pytest.raises(DataError, match=r"labels must be 0\.\.4, .* got 9"):
            self.judged(nn.Sequential(nn.Linear(3, 5)), data)

    def test_heads_of_boxes_need_no_probe(self):
        with pytest.raises(DataError, match="must see whole pictures"):
            judge_of(
                None,
                SimpleNamespace(name="net", heads=(1,), labels=(), preprocess=None),
                SimpleNamespace(labels=()),
                AskedTask(),
            )


def test_options_list_the_tasks():
    assert TASK_NAMES == ASKED_TASKS
    assert DETECTION.name in TASK_NAMES
