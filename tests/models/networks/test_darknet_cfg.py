"""Darknet's cfg files: what is read, and what is refused in one line."""

import pytest
import torch

from autosplit.errors import AutoSplitWarning, ModelError
from autosplit.models.networks.darknet import build_darknet
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.cfg: must begin with the section [net], got no section"),
        ("width=3", "a.cfg:1: must be [section] or option=value, got 'width=3'"),
        ("[conv]\n", "a.cfg:1: must begin with the section [net], begins with [convolutional]"),
        ("[net]\n", "a.cfg: must have layers after [net], has none"),
        (NET + "[yollo]", "a.cfg:3: unknown section '[yollo]', did you mean 'yolo'?"),
        (
            NET + "[lstm]",
            "a.cfg:3: section '[lstm]' cannot be carried out, it keeps a state from picture to ",
        ),
        (NET + "[zzz]", "a.cfg:3: unknown section '[zzz]', choose from: Gaussian_yolo, avgpool, "),
        (NET + "[net]", "a.cfg:3: unknown section '[net]', choose from: "),
        (NET + "[conv]\nfliters=3", "a.cfg:4: [convolutional] unknown option 'fliters', did you "),
        (NET + "chanels=1\n[conv]", "a.cfg:3: [net] unknown option 'chanels', did you mean 'chann"),
        (NET + "letterbox=1\n[conv]", "a.cfg:3: [net] unknown option 'letterbox', did you mean 'l"),
        ("[net]\nwidht=4\n[conv]", "a.cfg:2: [net] unknown option 'widht', did you mean 'width'?"),
        (NET + "[conv]\nfilters", "a.cfg:4: must be [section] or option=value, got 'filters'"),
        (NET + "[conv]\nfilters=", "a.cfg:4: must be [section] or option=value, got 'filters='"),
        (NET + "[YOLO]", "a.cfg:3: unknown section '[YOLO]', did you mean 'yolo'?"),
        (NET + "[yolo", "a.cfg:3: must be [section] or option=value, got '[yolo'"),
        (NET + "[yolo] x", "a.cfg:3: must be [section] or option=value, got '[yolo] x'"),
        (NET + "x" * 999, f"a.cfg:3: must be [section] or option=value, got '{'x' * 80}'"),
    ],
)
def test_what_is_no_cfg_is_refused_with_its_line(text, message):
    with pytest.raises(ModelError) as error:
        parse_cfg(text, "a.cfg")

    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(ModelError, match="must be a readable file, No such file"):
        read_darknet_text(tmp_path / "none.cfg")
    (tmp_path / "a.cfg").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="must be a text file in UTF-8 or Latin-1, holds null"):
        read_darknet_text(tmp_path / "a.cfg")


def test_a_comment_in_latin_1_is_read(tmp_path):
    (tmp_path / "a.cfg").write_bytes(b"[net] # gr\xf6\xdfe \x85 \nwidth=64\r\n[conv]\n")

    net, _ = parse_cfg(read_darknet_text(tmp_path / "a.cfg"), "a.cfg")

    assert net.options == {"width": "64"}


def test_all_problems_of_a_file_are_told_with_their_lines():
    text = NET + "[conv]\nsize=x\n[wat]\n[conv]\nfliters=1\nfilters\n"

    with pytest.raises(ModelError) as error:
        parse_cfg(text, "a.cfg")

    told = str(error.value)
    places = [told.index(part) for part in ("line 4: ", "line 5: ", "line 7: ", "line 8: ")]
    assert told.startswith("a.cfg: 4 problems: line 4: [convolutional] of layer 0: size must be ")
    assert places == sorted(places)
    assert "unknown section '[wat]'; line 7: " in told  # alone, it would list all sections
    assert "\n" not in told


def test_what_is_ignored_is_told_beside_what_is_refused():
    with pytest.warns(AutoSplitWarning, match="line 4: zebra of"), pytest.raises(ModelError):
        parse_cfg(NET + "[conv]\nzebra=1\nsize=x\n", "a.cfg")


def test_of_two_options_of_one_name_the_first_counts_and_is_told_of():
    with pytest.warns(AutoSplitWarning) as told:
        _, conv = parse_cfg(NET + "[conv]\nfilters=4\nsize=1\nfilters=8\n", "a.cfg")

    assert conv.integer("filters") == 4
    assert [str(one.message) for one in told] == [
        "a.cfg: of options with two values the first counts, line 6: filters of line 4"
    ]


def test_the_line_of_a_wrong_option_is_that_of_the_value_that_counts():
    with pytest.raises(ModelError, match=r"^a\.cfg:4: \[convolutional\] of layer 0: size must be"):
        parse_cfg(NET + "[conv]\nsize=x\nsize=3\n", "a.cfg")


@pytest.mark.parametrize(
    "text",
    [
        NET + "[conv]\nfilters=4\nfilters=4\n",  # the same value
        NET + "batch=1\nbatch=64\n[conv]\n",  # for training
        NET + "[conv]\n[yolo]\nrandom=1\nrandom=0\n",
    ],
)
def test_two_options_that_decide_nothing_are_not_told_of(text):
    assert parse_cfg(text, "a.cfg")[0].kind == "net"


def test_a_list_with_a_semicolon_is_no_list_with_a_comment():
    with pytest.raises(ModelError) as error:
        parse_cfg(NET + "[yolo]\nanchors=10,14; 23,27\n", "a.cfg")[1].numbers("anchors")
    assert str(error.value) == (
        "a.cfg:4: [yolo] of layer 0: anchors must be numbers with a comma between any two, "
        "got '10,14; 23,27'"
    )
    _, yolo = parse_cfg(NET + "[yolo]\nanchors=10,14 ; 2 boxes\nclasses=2; 3\n", "a.cfg")
    assert yolo.numbers("anchors") == (10, 14)
    assert yolo.integer("classes") == 2


@pytest.mark.parametrize("key", ["antialiasing", "xnor", "flipped", "coordconv"])
def test_options_that_are_off_are_read_and_options_that_are_on_refused(key):
    assert len(parse_cfg(NET + f"[conv]\n{key}=0\n", "a.cfg")) == 2
    with pytest.raises(ModelError, match=f"{key} cannot be carried out, must be 0 or left out"):
        parse_cfg(NET + f"[conv]\n{key}=1\n", "a.cfg")


@pytest.mark.parametrize(
    "option",
    "assisted_excitation=4000 sway=1 rotate=1 stretch=1 stretch_sway=1 dot=.1 reverse=1".split(),
)
def test_a_convolution_that_only_training_changes_computes_as_any_other(option):
    text = NET + "height=64\n[conv]\nfilters=2\nsize=3\npad=1\nactivation=leaky\n"
    networks = [build_darknet(one, "a.cfg") for one in (text, text + option)]
    networks[1].load_state_dict(networks[0].state_dict())
    picture = torch.rand(1, *networks[0].input_shape)

    assert torch.equal(networks[0](picture)[0], networks[1](picture)[0])
    if option == "reverse=1":
        with pytest.raises(ModelError, match="reverse cannot be carried out, must be 0 or left"):
            parse_cfg(NET + "[conv]\n[reorg]\nreverse=1\n", "a.cfg")


@pytest.mark.parametrize(
    "option",
    "iou_thresh=.2 counters_per_class=1,2 random=1 resize=1.5 jitter= max=9 map=a.map".split(),
)
def test_options_of_training_are_ignored_by_name(option):
    *_, yolo = parse_cfg(NET + f"[conv]\n[yolo]\n{option}\n", "a.cfg")

    assert yolo.kind == "yolo"


def test_an_option_that_resembles_none_is_ignored_with_a_warning():
    with pytest.warns(AutoSplitWarning, match="ignores what it does not know, line 4: zebra of "):
        parse_cfg(NET + "[conv]\nzebra=1\n", "a.cfg")


def test_a_misspelt_option_of_training_is_ignored_with_a_warning():
    told = "ignores what it does not know, line 3: momentun of .net., did you mean 'momentum'?"
    with pytest.warns(AutoSplitWarning, match=told):
        parse_cfg(NET + "momentun=.9\n[conv]\n", "a.cfg")


def test_options_of_training_in_net_are_ignored_by_name():
    options = "batch=64\nmomentum=.9\npolicy=steps\nscales=.1,.1\nmosaic=1\nangle=0\nB1=.9\n"
    net, _ = parse_cfg(NET + options + "[conv]\n", "a.cfg")

    assert net.options["momentum"] == ".9"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[region]\ntree=9k.tree\n", "tree cannot be carried out, it asks for a tree of classes"),
        ("[yolo]\nfrom=1\n", "from cannot be carried out, it asks for the fusion of ASFF"),
        ("[crnn]\n", "section '[crnn]' cannot be carried out, it keeps a state"),
    ],
)
def test_what_darknet_knows_and_we_do_not_is_refused_by_name(text, message):
    with pytest.raises(ModelError) as error:
        parse_cfg(NET + text, "a.cfg")

    assert message in str(error.value)
