"""An option of several commands says the same in each."""

from autosplit.runs.declared.boxes import DetectOptions
from autosplit.runs.declared.bundle import InferOptions, ServeOptions
from autosplit.runs.declared.folder import EmitOptions
from autosplit.runs.declared.scores import QuantizeOptions
from autosplit.runs.declared.sweep import SweepOptions
from autosplit.runs.option import options_of


def of(record, name):
    """The option of a record with a name."""
    (one,) = (one for one in options_of(record) if one.name == name)
    return one


def test_parallel_work_is_one_option_in_every_command():
    first, second = of(QuantizeOptions, "jobs"), of(SweepOptions, "jobs")

    assert (first.help, first.flag, first.default) == (second.help, second.flag, second.default)


def test_a_run_folder_is_one_option_with_a_default_of_each_command():
    detect, emit = of(DetectOptions, "run"), of(EmitOptions, "run")

    assert (detect.help, detect.flag, detect.group) == (emit.help, emit.flag, emit.group)
    assert detect.none != emit.none


def test_pictures_must_be_named_and_a_token_need_not_be():
    assert of(DetectOptions, "source").required
    assert of(InferOptions, "source").required
    assert {of(record, "token_file").none for record in (InferOptions, ServeOptions)} == {
        "no token"
    }
