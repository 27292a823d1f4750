"""The digest of both ends of what a data function gives."""

import pytest
import torch

from autosplit.data.batch_ends import batch_ends
from autosplit.errors import DataError

HEAD = "import torch\nimport numpy as np\nfrom torch.utils.data import DataLoader, TensorDataset\n"
X = "x = torch.arange(12.0).view(6, 2)"


def digest(tmp_path, statement, change="pass"):
    """Digest of what a function returns after a statement that changes ``x``."""
    path = tmp_path / "data.py"
    path.write_text(f"{HEAD}\ndef f():\n    {X}\n    {change}\n    return {statement}\n")
    return batch_ends(f"{path}:f", 0)


KINDS = {
    "tensors": "[x[:2], x[2:4], x[4:]]",
    "pairs": "[(x[:3], [1, 2, 3]), (x[3:], [0, 0, 0])]",
    "parts": "{'calibration': [x[:2]], 'evaluation': [(x[:2], 1), (x[2:], 2)]}",
    "a loader": "DataLoader(TensorDataset(x), batch_size=2)",
    "dictionaries": "[{'ids': x[:3].long(), 'mask': x[:3] > 1}, {'ids': x[3:].long()}]",
    "arrays": "[x.numpy()[:3], x.numpy()[3:]]",
}


@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_count(tmp_path, kind):
    found = {
        change: digest(tmp_path, KINDS[kind], change)
        for change in ("pass", "x[0] += 1", "x[5] += 1")
    }

    assert len(set(found.values())) == 3
    assert found["pass"] == digest(tmp_path, KINDS[kind])


def test_of_a_generator_the_first_item_counts(tmp_path):
    statement = "(row for row in x)"

    assert digest(tmp_path, statement) == digest(tmp_path, statement, "x[5] += 1")
    assert digest(tmp_path, statement) != digest(tmp_path, statement, "x[0] += 1")


def test_a_shuffled_loader_is_the_same_twice(tmp_path):
    assert digest(tmp_path, "DataLoader(TensorDataset(x), batch_size=2, shuffle=True)")


def test_data_that_are_another_each_time_have_no_digest(tmp_path):
    assert digest(tmp_path, "[x + np.random.rand()]") == ""


def test_data_that_fail_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"must give batches without an error, got ZeroDivisionErr"):
        digest(tmp_path, "(1 / 0 for _ in x)")


def test_the_callers_random_generator_is_left_as_it_was(tmp_path):
    torch.manual_seed(3)
    digest(tmp_path, "DataLoader(TensorDataset(x), batch_size=2, shuffle=True)")
    drawn = torch.rand(1)
    torch.manual_seed(3)

    assert torch.equal(torch.rand(1), drawn)
