"""A function of a Python file is called; what goes wrong names the file and the line."""

import sys

import pytest
import torch
from loaded import one_line

from autosplit.data.python_file import call_function, is_python_spec, split_python_spec
from autosplit.errors import DataError, ModelError

MINE = """
import pickle
import torch
from neighbour import NUMBER

class Own:
    pass

def give():
    return NUMBER

def draw():
    return torch.rand(3)

def keep():
    return pickle.loads(pickle.dumps(Own()))

def fail():
    return deeper()

def deeper():
    raise ValueError("first line\\nsecond line")
"""


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "neighbour.py").write_text("NUMBER = 5\n")
    path = tmp_path / "my-code.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize(
    ("spec", "python"),
    [
        ("a.py", True),
        ("a.py:f", True),
        ("b/a.py:", True),
        ("a.pyc", False),
        ("a.py:f.g", False),
        ("demo", False),
        ("a.pt2", False),
    ],
)
def test_a_python_file_is_told_from_other_names(spec, python):
    assert is_python_spec(spec) == python


def test_a_file_is_split_from_its_function_at_the_last_colon(tmp_path):
    path = tmp_path / "odd:name.py"
    path.touch()

    assert split_python_spec(f"{path}:build", ModelError) == (path, "build")


@pytest.mark.parametrize("spec", ["{}", "{}:"])
def test_a_function_must_be_named(mine, spec):
    with pytest.raises(DataError) as caught:
        split_python_spec(spec.format(mine), DataError)

    assert one_line(caught).endswith("must name a function of the file, as in my-code.py:build")


def test_a_file_finds_its_neighbours_and_the_path_is_left_as_it_was(mine):
    before = list(sys.path)

    assert call_function(f"{mine}:give", ModelError, 0) == 5
    assert sys.path == before


def test_each_file_finds_its_own_neighbour_where_two_have_one_name(tmp_path):
    for name, number in (("a", 1), ("b", 2)):
        (tmp_path / name / "tools").mkdir(parents=True)
        (tmp_path / name / "tools" / "__init__.py").write_text("from tools.deep import NUMBER")
        (tmp_path / name / "tools" / "deep.py").write_text(f"NUMBER = {number}\n")
        (tmp_path / name / "net.py").write_text("import tools\ndef f():\n    return tools.NUMBER")

    found = [call_function(f"{tmp_path / name}/net.py:f", ModelError, 0) for name in "aba"]

    assert found == [1, 2, 1]


def test_a_module_of_the_library_is_never_forgotten(mine):
    before = sys.modules["pickle"]
    (mine.parent / "pickle.py").touch()

    call_function(f"{mine}:give", ModelError, 0)

    assert sys.modules["pickle"] is before


def test_classes_of_the_file_can_be_pickled(mine):
    assert type(call_function(f"{mine}:keep", ModelError, 0)).__name__ == "Own"


def test_numbers_drawn_in_the_file_depend_on_the_seed_and_the_callers_generator_is_left(mine):
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    first, second, third = (
        call_function(f"{mine}:draw", ModelError, seed).tolist() for seed in (1, 1, 2)
    )

    assert first == second != third
    assert torch.equal(torch.rand(3), expected)


def test_an_error_inside_is_one_line_that_names_the_deepest_line_of_the_file(mine):
    with pytest.raises(ModelError) as caught:
        call_function(f"{mine}:fail", ModelError, 0)

    assert one_line(caught) == (
        f"{mine}:22: must run without an error, got ValueError: first line second line"
    )


@pytest.mark.parametrize("leaves", ["sys.exit(3)", "sys.exit()", "raise SystemExit('bye')"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_file_that_ends_the_process_is_one_line(tmp_path, leaves, inside):
    path = tmp_path / "leaving.py"
    path.write_text(f"import sys\ndef build():\n    {leaves if inside else 'pass'}\n")
    if not inside:
        path.write_text(f"import sys\ndef build(): pass\n{leaves}\n")

    with pytest.raises(DataError, match=r":3: must run without an error, got SystemExit"):
        call_function(f"{path}:build", DataError, 0)


def test_a_file_that_does_not_parse_names_the_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ndef build(:\n")

    with pytest.raises(ModelError) as caught:
        call_function(f"{path}:build", ModelError, 0)

    assert one_line(caught).startswith(f"{path}:2: must run without an error")


def test_a_missing_function_names_those_that_the_file_defines(mine):
    with pytest.raises(DataError) as caught:
        call_function(f"{mine}:nothing_alike", DataError, 0)

    assert one_line(caught).endswith("choose from: Own, deeper, draw, fail, give, keep")
