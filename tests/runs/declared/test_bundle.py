"""Options of bundles: the client looks for the server where the server listens."""

import pytest

from autosplit.errors import OptionError
from autosplit.runs.declared.bundle import ExportOptions, InferOptions, ServeOptions
from autosplit.runs.option import options_of


def test_a_client_looks_for_a_server_where_one_listens():
    server = ServeOptions()

    assert InferOptions().server == f"http://{server.host}:{server.port}"


def test_a_deadline_is_milliseconds_on_the_command_line():
    (one,) = (one for one in options_of(InferOptions) if one.name == "deadline_s")

    assert one.flag == "--deadline"
    assert one.read("250") == 0.25


@pytest.mark.parametrize("value", ["0", "-3", "2.5"])
def test_a_check_needs_an_image(value):
    (one,) = (one for one in options_of(ExportOptions) if one.name == "check")

    with pytest.raises(OptionError, match="--check: must be a whole number of at least 1"):
        one.read(value)
