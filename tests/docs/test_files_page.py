"""The page on file formats lists the columns and keys that the files have."""

import re
from pathlib import Path

import pytest

from autosplit.evaluate.scorefile import (
    BOX_SCORES_HEADER,
    CLASS_SCORES_HEADER,
    CONFUSION_HEADER,
    CURVES_HEADER,
)
from autosplit.evaluate.task import CLASSIFICATION, DETECTION, TASKS
from autosplit.graph.graphfile import LAYERS_HEADER
from autosplit.hardware.device import MODEL_KEYS
from autosplit.hardware.tablefile import CROSSING_HEADER, ONE_HEADER, WIDTHS_HEADER
from autosplit.report.tables import LATENCY_HEADER, LAYER_LATENCY_HEADER, PLANS_HEADER
from autosplit.stats.statsfile import DISTORTION_HEADER

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text()


def first_column(head, page=PAGE):
    """Every name in the first column of the table with this head."""
    table = page.partition(f"| {head} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("column of `layers.csv`", LAYERS_HEADER),
        ("column of `distortion.csv`", DISTORTION_HEADER),
        ("column of `plans.csv`", PLANS_HEADER),
        ("column of `latency.csv`", LATENCY_HEADER),
        ("column of `layer_latency.csv`", LAYER_LATENCY_HEADER),
        ("column of `scores.csv`, classification", CLASSIFICATION.scores_header),
        ("column of `class_scores.csv`", CLASS_SCORES_HEADER),
        ("column of `box_scores.csv`", BOX_SCORES_HEADER),
        ("column of `precision_recall.csv`", CURVES_HEADER),
        ("column of `confusion.csv`", CONFUSION_HEADER),
    ],
)
def test_a_table_lists_the_columns_of_its_file_in_their_order(head, columns):
    assert first_column(head) == list(columns)


def test_the_scores_of_a_detector_are_all_there():
    assert set(first_column("column of `scores.csv`, detection")) == set(DETECTION.scores_header)


@pytest.mark.parametrize("task", [t for t in TASKS if t not in (CLASSIFICATION, DETECTION)])
def test_the_columns_of_every_other_task_are_there(task):
    row = re.search(rf"\| {task.name} \| (.*) \|", PAGE)[1]

    assert re.findall(r"`([^`]+)`", row) == list(task.columns)


def test_every_key_of_a_device_profile_is_there():
    keys = first_column("key", PAGE.partition("### Device profile")[2])
    needed = {key for required, optional in MODEL_KEYS.values() for key in required | optional}
    every = (
        "name source model float_bits memory_bytes widths unknown_operators int8_weights runtime "
        "encode_s decode_s active_w mac_j byte_j"
    )

    assert set(keys) == needed | set(every.split())


def test_every_header_of_a_table_is_named():
    headers = [",".join(one) for one in (ONE_HEADER, WIDTHS_HEADER, CROSSING_HEADER)]
    line = next(line for line in PAGE.splitlines() if line.startswith("The CSV file of a `table`"))
    assert re.findall(r"`([^`]+,[^`]+)`", line) == headers
