"""Darknet's cfg files: what is read, and what is refused in one line."""

import pytest

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_cfg import parse_cfg, read_darknet_text

NET = "[net]\nwidth=64\n"


def test_sections_are_numbered_and_comments_skipped():
    net, conv, pool = parse_cfg(
        "# a comment\n[network]\nwidth = 64 # pixels\n\n[conv]\nfilters=3; more\n[max]\n", "a.cfg"
    )

    assert [s.kind for s in (net, conv, pool)] == ["net", "convolutional", "maxpool"]
    assert [s.number for s in (net, conv, pool)] == [-1, 0, 1]
    assert net.integer("width") == 64
    assert conv.options == {"filters": "3"}
    assert conv.where == "a.cfg:5: [convolutional] of layer 0"


def test_options_are_numbers_with_defaults():
    _, route, yolo = parse_cfg(
        NET + "[route]\nlayers=-1, 61\n[yolo]\nanchors=10,13,  16.5,30\n", "a.cfg"
    )

    assert route.integers("layers") == (-1, 61)
    assert route.integer("groups", 1) == 1
    assert yolo.numbers("anchors") == (10, 13, 16.5, 30)
    assert yolo.integers("mask", (0, 1)) == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.cfg: must begin with the section [net], got no section"),
        ("width=3", "a.cfg:1: must be [section] or option=value, got 'width=3'"),
        ("[conv]\n", "a.cfg:1: unknown section '[conv]', choose from: net"),
        ("[net]\n", "a.cfg: must have layers after [net], has none"),
        (NET + "[yollo]", "a.cfg:3: unknown section '[yollo]', did you mean 'yolo'?"),
        (
            NET + "[lstm]",
            "a.cfg:3: unknown section '[lstm]', choose from: avgpool, convolutional, ",
        ),
        (NET + "[net]", "a.cfg:3: unknown section '[net]', choose from: "),
        (NET + "[conv]\nfliters=3", "a.cfg:4: [convolutional] unknown option 'fliters', did you "),
        (NET + "[conv]\nfilters", "a.cfg:4: must be [section] or option=value, got 'filters'"),
        (NET + "[conv]\nfilters=", "a.cfg:4: must be [section] or option=value, got 'filters='"),
    ],
)
def test_what_is_no_cfg_is_refused_with_its_line(text, message):
    with pytest.raises(ModelError) as error:
        parse_cfg(text, "a.cfg")

    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=0", "size must be a whole number of at least 1, got '0'"),
        ("size=x", "size must be whole numbers, got 'x'"),
        ("size=1,2", "size must be a whole number of at least 1, got '1,2'"),
        ("stride=1", "must have the option 'size'"),
    ],
)
def test_a_wrong_option_is_refused_when_it_is_read(options, message):
    _, section = parse_cfg(NET + "[conv]\n" + options, "a.cfg")

    with pytest.raises(ModelError) as error:
        section.integer("size", None, 1)

    assert str(error.value) == f"a.cfg:3: [convolutional] of layer 0: {message}"


def test_numbers_that_are_none_are_refused():
    _, section = parse_cfg(NET + "[yolo]\nanchors=1,b\n", "a.cfg")

    with pytest.raises(ModelError, match="anchors must be numbers, got '1,b'"):
        section.numbers("anchors")


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(ModelError, match="must be a readable file, No such file"):
        read_darknet_text(tmp_path / "none.cfg")
    (tmp_path / "a.cfg").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="must be UTF-8 text"):
        read_darknet_text(tmp_path / "a.cfg")
