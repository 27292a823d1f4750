"""Options of a run folder: the folder itself, and the ways to go on in it."""

from autosplit.runs.declared.folder import EmitOptions, FolderOptions
from autosplit.runs.option import options_of


def test_the_run_folder_is_one_flag_in_stages_and_in_emit():
    assert {one.flag for one in options_of(FolderOptions) if one.name == "out"} == {"--run"}
    assert {one.flag for one in options_of(EmitOptions) if one.name == "run"} == {"--run"}


def test_work_is_repeated_and_code_is_run_only_when_asked():
    assert not FolderOptions().force
    assert not FolderOptions().trust
