"""A saved program that would run code when torch loads it is refused in one line, unrun."""

import io
import json
import pickle
import random
import warnings
import zipfile
from contextlib import suppress

import pytest
import torch
from loaded import Bomb
from torch import nn
from torch._export.serde.schema import SCHEMA_VERSION
from torch._export.serde.serialize import serialize

from autosplit.errors import ModelError
from autosplit.models.program_archive import check_archive
from autosplit.models.program_file import read_program


class Sliced(nn.Module):
    """Half of a batch, so that an expression is saved beside its symbols."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x[: x.shape[0] // 2])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net.pt2"
    open_batch = ({0: torch.export.Dim.DYNAMIC},)
    exported = torch.export.export(
        Sliced(), (torch.zeros(4, 3),), dynamic_shapes=open_batch, strict=False
    )
    torch.export.save(exported, path)
    return path


def changed(saved, path, member, change):
    """Write the program with one member changed; its name is that without torch's folder."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, change(data) if name.partition("/")[2] == member else data)
    return path


def described(saved, path, change, member="models/model.json"):
    """Write the program with its description changed in place."""

    def edit(data):
        found = json.loads(data)
        change(found)
        return json.dumps(found).encode()

    return changed(saved, path, member, edit)


def refusal(path):
    with pytest.raises(ModelError) as caught:
        read_program(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: must be a saved torch.export program")
    assert "\n" not in text
    return text


def graph(data):
    return data["graph_module"]["graph"]


def test_a_saved_program_is_loaded(saved):
    assert read_program(saved).module()(torch.ones(4, 3)).shape == (2, 2)


def bomb(place):
    """Python that writes a file."""
    return f"__import__('os').system('touch {place / 'exploded'}')"


def expressions(data):
    """Mappings that hold an expression."""
    if isinstance(data, dict):
        yield from [data] if "expr_str" in data else []
        data = list(data.values())
    for part in data if isinstance(data, list) else ():
        yield from expressions(part)


def test_an_expression_that_runs_a_command_is_refused_and_does_not_run(saved, tmp_path):
    def change(data):
        next(expressions(data))["expr_str"] = bomb(tmp_path)

    path = described(saved, tmp_path / "evil.pt2", change)

    assert "as expr_str in models/model.json, which may be code" in refusal(path)
    assert not (tmp_path / "exploded").exists()


def test_torch_itself_would_run_it(saved, tmp_path):
    """The danger is real: when torch no longer evaluates expressions, this test says so."""

    def change(data):
        next(expressions(data))["expr_str"] = bomb(tmp_path)

    path = described(saved, tmp_path / "evil.pt2", change)
    with pytest.raises(Exception):  # noqa: B017 - whatever torch makes of the answer
        torch.export.load(path)

    assert (tmp_path / "exploded").exists()


def set_guard(data, code):
    data["guards_code"] = [code]


def set_target(data, code):
    graph(data)["nodes"][0]["target"] = code


def set_node_name(data, code):
    graph(data)["nodes"][0]["name"] = code


def set_input(data, code):
    graph(data)["inputs"][0]["as_tensor"]["name"] = code


def set_tensor(data, code):
    values = graph(data)["tensor_values"]
    values[code] = values.pop(next(iter(values)))


def set_parameter(data, code):
    specs = data["graph_module"]["signature"]["input_specs"]
    specs[0]["parameter"]["parameter_name"] = f'x"); {code}; ("'


def set_argument(data, code):
    data["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = [f"x={code}"]


def set_tree(data, code):
    context = json.dumps([f"x={code}"])
    leaf = {"type": None, "context": None, "children_spec": []}
    tree = {"type": "builtins.dict", "context": context, "children_spec": [leaf]}
    entry = data["graph_module"]["module_call_graph"][0]
    entry["signature"]["in_spec"] = json.dumps([1, tree])


def set_metadata(data, code):
    """A tensor that is called as texts that no rule holds for."""
    values = graph(data)["tensor_values"]
    values["metadata"] = {**values[next(iter(values))], "sizes": [{"as_expr": {"expr_str": code}}]}


def set_list(data, code):
    next(expressions(data))["expr_str"] = [code]


def set_range(data, code):
    data["range_constraints"] = {"u999999999999": {"min_val": 0, "max_val": 1}, code: {}}


CHANGES = (
    *(set_guard, set_target, set_node_name, set_input, set_tensor, set_parameter),
    *(set_argument, set_tree, set_metadata, set_list, set_range),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_code_in_any_place_of_the_description_is_refused(saved, tmp_path, change):
    path = described(saved, tmp_path / "evil.pt2", lambda data: change(data, bomb(tmp_path)))

    assert "which may be code" in refusal(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("target", ["torch.os.system", "torch.ops.aten.from_file.default"])
def test_a_function_that_is_no_operator_is_refused(saved, tmp_path, target):
    path = described(saved, tmp_path / "evil.pt2", lambda data: set_target(data, target))

    assert f"got {target!r} as target" in refusal(path)


def pickled(tmp_path, protocol=2):
    stored = io.BytesIO()
    torch.save(Bomb(tmp_path / "exploded"), stored, pickle_module=pickle, pickle_protocol=protocol)
    return stored.getvalue()


@pytest.mark.parametrize("protocol", [2, 4])
def test_an_object_among_the_example_inputs_is_refused(saved, tmp_path, protocol):
    member = "data/sample_inputs/model.pt"
    data = pickled(tmp_path, protocol)
    path = changed(saved, tmp_path / "evil.pt2", member, lambda _: data)

    assert f"in {member}, which may be code" in refusal(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "meta",
    [{"use_pickle": True}, {"path_name": "custom_obj_0"}, {"path_name": "../weight_0"}],
    ids=str,
)
def test_a_weight_that_is_a_pickle_or_elsewhere_is_refused(saved, tmp_path, meta):
    def change(data):
        next(iter(data["config"].values())).update(meta)

    member = "data/weights/model_weights_config.json"
    text = refusal(described(saved, tmp_path / "evil.pt2", change, member))

    assert f"as {next(iter(meta))} in {member}" in text


@pytest.mark.parametrize(
    "member", ["data/aotinductor/model/a.so", "data/constants/opaque_obj_0", "a.py", "extra/../x"]
)
def test_a_member_that_may_be_code_is_refused(saved, tmp_path, member):
    path = tmp_path / "evil.pt2"
    path.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"net/{member}", b"")

    assert repr(member) in refusal(path)


@pytest.mark.parametrize("kind", ["twice", "folders", "packed", "short", "deep", "list", "huge"])
def test_an_odd_archive_is_refused(saved, tmp_path, kind):
    path = tmp_path / "evil.pt2"
    texts = {"deep": b"[" * 99_999, "list": b"[1]", "huge": b'{"a": 1' + b"0" * 5000 + b"}"}
    if kind in texts:
        changed(saved, path, "models/model.json", lambda _: texts[kind])
    elif kind == "short":
        path.write_bytes(saved.read_bytes()[:-40])
    elif kind == "packed":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("net/data/weights/weight_0", bytes(10**7))
    else:
        path.write_bytes(saved.read_bytes())
        name = "net/models/model.json" if kind == "twice" else "other/models/model.json"
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"{}")

    refusal(path)


def test_a_program_of_an_older_torch_is_checked_and_loaded(saved, tmp_path):
    """Torch 2.6 wrote members of other names, without a folder around them."""
    artifact = serialize(torch.export.load(saved))
    members = {
        "version": ".".join(map(str, SCHEMA_VERSION)),
        "serialized_exported_program.json": artifact.exported_program,
        "serialized_state_dict.pt": artifact.state_dict,
        "serialized_constants.pt": artifact.constants,
        "serialized_example_inputs.pt": artifact.example_inputs,
    }
    for name, text in (("old.pt2", None), ("evil.pt2", bomb(tmp_path))):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, data in members.items():
                if text is not None and member.endswith(".json"):
                    found = json.loads(data)
                    next(expressions(found))["expr_str"] = text
                    data = json.dumps(found)  # noqa: PLW2901
                archive.writestr(member, data)

    assert read_program(tmp_path / "old.pt2").module()(torch.ones(4, 3)).shape == (2, 2)
    assert "which may be code" in refusal(tmp_path / "evil.pt2")
    assert not (tmp_path / "exploded").exists()


def test_bytes_that_are_damaged_are_one_line_or_a_program(saved, tmp_path):
    whole, rng = saved.read_bytes(), random.Random(5)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with suppress(ModelError):  # any other error is a traceback
            check_archive(tmp_path / "net.pt2", bytes(data))
