"""Plans: out to YAML and in again, and everything that an edit can get wrong."""

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import yaml
from plans import GRAPH, layer, plan_file

from autosplit.errors import FileError, PlanError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.grid.grid import Grid
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.hardware.prediction import Prediction
from autosplit.plan.distiller import distiller_overrides
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile, read_plan, write_plan
from autosplit.stats.jpeg import InputCoding
from autosplit.stats.stats import Stats


@pytest.fixture
def path(tmp_path):
    write_plan(tmp_path / "mine.yaml", plan_file())
    return tmp_path / "mine.yaml"


def edit(path, change):
    """Change the YAML as a person would."""
    data = yaml.safe_load(path.read_text())
    change(data)
    text = yaml.safe_dump({key: value for key, value in data.items() if key != "schema"})
    path.write_text(f"schema: {data['schema']}\n{text}")


def write_beside(path, data):
    """Put other bytes beside a plan, and name their hash in it."""
    beside = path.with_suffix(".safetensors")
    beside.write_bytes(data)
    named = {"file": beside.name, "sha256": hashlib.sha256(data).hexdigest()}
    edit(path, lambda plan: plan.update(integers=named))


class TestIntegers:
    def test_what_is_written_is_read_back(self, tmp_path):
        codes = {"a": np.arange(10, dtype=np.uint8).reshape(2, 5)}
        biases = {"b": np.float32([1, -2, 0.5])}
        write_plan(tmp_path / "p.yaml", plan_file(codes=codes, biases=biases))
        found = read_plan(tmp_path / "p.yaml", GRAPH)

        np.testing.assert_array_equal(found.codes["a"], codes["a"])
        np.testing.assert_array_equal(found.biases["b"], biases["b"])

    @pytest.mark.parametrize(
        ("key", "value", "problem"),
        [
            ("bias|b", np.zeros(2, np.float32), r"must be 3 finite numbers.*shape \(2,\)"),
            ("bias|b", np.zeros((3, 1), np.float32), r"must be 3 finite.*shape \(3, 1\)"),
            ("bias|b", np.float32(1), r"must be 3 finite numbers.*shape \(\)"),
            ("bias|b", np.float32([0, 1, np.nan]), "must be 3 finite numbers"),
            ("codes|a", np.zeros(9, np.uint8), "must be 10 codes of one byte, got 9 of uint8"),
            ("codes|a", np.zeros(10, np.int8), "must be 10 codes of one byte, got 10 of int8"),
            ("codes|a", np.full(10, 16, np.uint8), "codes must be 0..15 at 4 bits, got 16"),
            ("codes|again", np.zeros(10, np.uint8), "must hold layers of the plan only"),
            ("steps|a", np.zeros(10, np.uint8), "must hold layers of the plan only"),
        ],
    )
    def test_what_does_not_fit_the_plan_is_refused(self, path, key, value, problem):
        write_beside(path, safetensors.numpy.save({key: np.asarray(value)}))

        with pytest.raises(FileError, match=problem) as error:
            read_plan(path, GRAPH)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3"])
    def test_a_type_that_numpy_lacks_is_refused(self, path, dtype):
        size = 2 if dtype == "BF16" else 1
        head = {"bias|b": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}}
        text = json.dumps(head).encode()
        write_beside(path, struct.pack("<Q", len(text)) + text + bytes(3 * size))

        with pytest.raises(FileError, match="must be a safetensors file of integers and biases"):
            read_plan(path, GRAPH)

    @pytest.mark.parametrize("data", [b"", b"no safetensors", bytes(100)])
    def test_a_file_of_another_kind_is_refused(self, path, data):
        write_beside(path, data)

        with pytest.raises(FileError, match=r"mine.safetensors: must be a safetensors file"):
            read_plan(path, GRAPH)

    def test_another_file_than_the_plan_names_is_refused(self, path):
        write_beside(path, b"one")
        path.with_suffix(".safetensors").write_bytes(b"other")

        with pytest.raises(FileError, match="get the file that belongs to it"):
            read_plan(path, GRAPH)


class TestYaml:
    def test_what_is_written_is_read_back(self, path):
        assert read_plan(path, GRAPH) == plan_file()

    def test_the_weights_that_it_was_finished_for_are_read_back(self, tmp_path):
        write_plan(tmp_path / "p.yaml", plan_file(weights_sha256="12ab"))

        assert read_plan(tmp_path / "p.yaml", GRAPH).weights_sha256 == "12ab"

    def test_the_weights_that_it_was_finished_for_are_text(self, path):
        edit(path, lambda plan: plan.update(weights_sha256=12))

        with pytest.raises(FileError, match="weights_sha256: must be text, got 12"):
            read_plan(path, GRAPH)

    def test_the_same_plan_gives_the_same_bytes(self, path, tmp_path):
        write_plan(tmp_path / "again.yaml", read_plan(path, GRAPH))

        assert (tmp_path / "again.yaml").read_bytes() == path.read_bytes()

    def test_it_says_what_it_is_and_adds_up_its_seconds(self, path):
        data = yaml.safe_load(path.read_text())

        assert path.read_text().startswith("schema: autosplit/plan/1\n")
        assert data["made_by"].startswith("autosplit ")
        assert data["predictions"]["3mbps"]["latency_s"] == pytest.approx(0.6)
        assert data["baseline"] == {"name": "cloud16", "latency_s": {"3mbps": 0.9}}

    def test_scales_of_a_float32_survive_exactly(self, tmp_path):
        steps = np.random.default_rng(0).uniform(1e-30, 1e30, 50).astype(np.float32)
        steps = np.concatenate([steps, np.float32([1e-38, 3.4e38, 1 / 3, 0.1])])
        graph = Graph(
            "one",
            {"x": (1,)},
            (layer("a", ("x",), (1,), weight_elements=54, weight_channels=54),),
            ("a",),
        )
        plan = replace(
            plan_file().plan, edge=("a",), weight_bits={"a": 1}, activation_bits={"x": 1, "a": 1}
        )
        one = Grid.of(1, (1.0,), (0,))
        weight = Grid.of(1, tuple(float(str(step)) for step in steps), (0,) * 54)
        file = PlanFile(plan, {"a": weight}, {"x": one, "a": one}, "one", "")

        write_plan(tmp_path / "p.yaml", file)

        found = np.float32(read_plan(tmp_path / "p.yaml", graph).weights["a"].scale)
        assert found.tobytes() == steps.tobytes()

    def test_all_cloud_has_widths_for_its_input_alone(self, tmp_path):
        plan = replace(plan_file().plan, edge=(), weight_bits={}, activation_bits={"x": 8})
        plan = replace(plan, edge_memory_bytes=0, crossing_bytes=6)
        grids = {"x": Grid.of(8, (0.1,), (3,))}
        wire = WireLayout((WireTensor("x", (6,), 8),))
        file = plan_file(plan=plan, weights={}, activations=grids, wire=wire)
        write_plan(tmp_path / "p.yaml", file)

        assert read_plan(tmp_path / "p.yaml", GRAPH) == file


class TestEditing:
    def test_another_width_changes_memory_and_crossing_bytes(self, path):
        def change(data):
            data["activations"]["a"] |= {"bits": 8}
            data["weights"]["b"] |= {"bits": 6}

        edit(path, change)

        plan = read_plan(path, GRAPH).plan
        # a takes 5 bytes now, b's weight ceil(90/8) = 12; live at most x, a: 11
        assert plan.edge_memory_bytes == 5 + 12 + 20 + 11
        assert plan.crossing_bytes == 5 + 3
        assert (plan.activation_bits["a"], plan.weight_bits["b"]) == (8, 6)

    def test_bytes_written_by_hand_are_computed_anew(self, path):
        edit(path, lambda data: data.update(edge_memory_bytes=1, crossing_bytes="none"))

        assert read_plan(path, GRAPH) == plan_file()

    @pytest.mark.parametrize("bits", [0, 17, -1, "eight", True, 4.0, None])
    def test_a_width_out_of_range_is_named(self, path, bits):
        edit(path, lambda data: data["weights"]["a"].update(bits=bits))

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        expected = f"weights: a: bits must be a whole number, 1 to 8, got {bits!r}"
        assert str(caught.value) == f"{path}: {expected}"

    @pytest.mark.parametrize(
        "scale", [[0.0], [-1.0], [1e-46], [1e39], [float("nan")], [float("inf")], ["1"], [True]]
    )
    def test_a_step_that_is_no_positive_number_is_named(self, path, scale):
        edit(path, lambda data: data["activations"]["a"].update(scale=scale))

        with pytest.raises(
            PlanError, match="activations: a: scale must be a list of 1 numbers > 0"
        ):
            read_plan(path, GRAPH)

    @pytest.mark.parametrize(
        ("zero", "good"), [(7, True), (0, True), (8, False), (-1, False), (1.0, False)]
    )
    def test_a_zero_point_must_fit_its_width(self, path, zero, good):
        edit(path, lambda data: data["activations"]["a"].update(zero_point=[zero]))

        if good:
            assert read_plan(path, GRAPH).activations["a"] == Grid.of(3, 1.0, zero)
        else:
            with pytest.raises(PlanError, match="a list of 1 whole numbers from 0 to 7 at 3 bits"):
                read_plan(path, GRAPH)

    def test_every_problem_is_named_at_once(self, path):
        def change(data):
            data["weights"]["a"]["bits"] = 17
            data["weights"]["b"]["scale"] = [0.5]
            data["weights"]["b"]["zero_point"] = [16, 32, 1]
            del data["activations"]["x"]["scale"]
            data["activations"]["b"]["bits"] = "eight"

        edit(path, change)

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        scales = "must be a list of 3 numbers > 0 in the range of float32"
        whole = "must be a list of 3 whole numbers"
        assert str(caught.value).split("; ") == [
            f"{path}: weights: a: bits must be a whole number, 1 to 8, got 17",
            f"{path}: weights: b: scale {scales}, got [0.5]",
            f"{path}: weights: b: zero_point {whole} from 0 to 31 at 5 bits, got [16, 32, 1]",
            f"{path}: activations: x: missing key 'scale'",
            f"{path}: activations: b: bits must be a whole number, 1 to 8, got 'eight'",
        ]

    def test_a_tensor_too_many_and_one_too_few_are_named(self, path):
        def change(data):
            data["activations"]["bb"] = data["activations"].pop("b")

        edit(path, change)

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        assert str(caught.value) == (
            f"{path}: activations: unknown key 'bb', did you mean 'b'?; "
            f"{path}: activations: missing key 'b'"
        )

    def test_an_unknown_layer_is_named_with_the_file(self, path):
        edit(path, lambda data: data["edge"].append("agian"))

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        expected = f"{path}: edge: toy: no layer 'agian', did you mean 'again'?"
        assert str(caught.value) == expected

    def test_an_edge_side_with_a_hole_is_named_with_the_file(self, path):
        edit(path, lambda data: data.update(edge=["b"]))

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        expected = f"{path}: edge: b: is on the edge, so 'a' that it reads must be too"
        assert str(caught.value) == expected

    def test_wrong_values_elsewhere_are_all_named(self, path):
        def change(data):
            data["name"] = 3
            data["edge"] = "a"
            data["distortion"] = "low"
            data["cloud_bits"] = 7
            data["predictions"]["3mbps"]["edge_s"] = -1
            del data["predictions"]["3mbps"]["cloud_s"]
            data["predictions"]["lte"] = {
                "edge_s": -1,
                "transfer_s": 0,
                "cloud_s": "x",
                "latency_s": 1,
            }
            data["baseline"] = None

        edit(path, change)

        with pytest.raises(FileError) as caught:
            read_plan(path, GRAPH)

        assert str(caught.value).replace(f"{path}: ", "").split("; ") == [
            "name: must be text, got 3",
            "distortion: must be a finite number, got 'low'",
            "edge: must be a list of layers, got 'a'",
            "cloud_bits: must be 8, 16 or 32, got 7",
            "predictions: 3mbps: missing key 'cloud_s'",
            "predictions: lte: edge_s must be a number >= 0, got -1",
            "predictions: lte: cloud_s must be a number >= 0, got 'x'",
            "baseline: must be a mapping, got NoneType",
        ]

    def test_keys_of_the_file_are_checked(self, path):
        def change(data):
            data["actvations"] = data.pop("activations")

        edit(path, change)

        with pytest.raises(
            FileError, match=r"'actvations', did you mean 'activations'\?; .*missing"
        ):
            read_plan(path, GRAPH)


class TestRecords:
    @pytest.mark.parametrize(
        ("distortion", "bound", "gap"),
        [(0.25, 0.2, 0.2), (1.0, 1.0, 0.0), (1.0, 1.1, 0.0), (4.0, 1.0, 0.75), (0.0, 0.0, 0.0)],
    )
    def test_the_gap_is_relative_to_the_distortion(self, distortion, bound, gap):
        plan = replace(plan_file().plan, distortion=distortion, lower_bound=bound)

        assert plan.optimality_gap == pytest.approx(gap)

    def test_latency_is_the_sum_of_its_parts(self):
        assert Prediction(1.0, 20.0, 300.0).latency_s == 321.0

    def test_integers_come_from_the_clipping_that_was_measured(self):
        plan = replace(plan_file().plan, weight_bits={"a": 2}, activation_bits={"x": 2})
        grid = Grid.of(2, (0.1, 1 / 3), (1, 2))
        stats = Stats(1, {}, {}, {("x", 2): (-1.0, 2.0)}, {("a", 2): grid})

        weights, activations = plan_grids(plan, stats)

        assert weights == {"a": grid}
        # steps of 3 / (2^2 - 1); zero is the second of -1, 0, 1, 2
        assert activations == {"x": Grid.of(2, (1.0,), (1,))}


class TestDistiller:
    def test_the_form_is_that_of_the_original(self):
        """A layer that reads another one's weight is quantized as that one is."""
        plan = replace(
            plan_file().plan,
            edge=("a", "b", "c", "again"),
            activation_bits={"x": 8, "a": 3, "b": 7, "c": 6, "again": 2},
        )

        assert distiller_overrides(plan_file(plan=plan), GRAPH) == {
            "quantizers": {
                "post_train_quantizer": {
                    "class": "PostTrainLinearQuantizer",
                    "bits_activations": None,
                    "bits_parameters": None,
                    "bits_accum": 32,
                    "mode": {"activations": "ASYMMETRIC_UNSIGNED", "weights": "SYMMETRIC"},
                    "per_channel_wts": True,
                    "inputs_quant_auto_fallback": True,
                    "model_activation_stats": "stats.yaml",
                    "overrides": {
                        "a": {"bits_weights": 4, "bits_activations": 3},
                        "b": {"bits_weights": 5, "bits_activations": 7},
                        "c": {"bits_activations": 6},
                        "again": {"bits_weights": 4, "bits_activations": 2},
                    },
                }
            }
        }

    def test_layers_in_the_cloud_are_left_out(self):
        found = distiller_overrides(plan_file(), GRAPH)["quantizers"]["post_train_quantizer"]

        assert list(found["overrides"]) == ["a", "b"]


class TestWire:
    """What crosses is a at 3 bits, then b at 7."""

    def test_an_old_plan_without_it_sends_what_follows_from_its_cut_and_widths(self, path):
        edit(path, lambda data: data.pop("wire"))

        assert read_plan(path, GRAPH).wire == plan_file().wire

    def test_the_order_of_tensors_is_the_file_s(self, path):
        edit(path, lambda data: data["wire"].reverse())

        assert read_plan(path, GRAPH).wire.names == ("b", "a")

    def test_a_width_edited_by_hand_is_that_of_the_message_too(self, path):
        edit(path, lambda data: data["activations"]["a"].update(bits=2))

        assert [tensor.bits for tensor in read_plan(path, GRAPH).wire.tensors] == [2, 7]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda wire: wire.pop(), "wire: must list the tensors that cross, a, b, got a;"),
            (lambda wire: wire[0].update(name="c"), "must list the tensors that cross, a, b, got"),
            (lambda wire: wire[0].update(order=[1]), r"a: order must name each of 1 axes once"),
            (lambda wire: wire[0].update(bits="3"), "wire: entry 0: bits must be a whole number"),
        ],
    )
    def test_what_does_not_fit_the_plan_is_refused(self, path, change, message):
        edit(path, lambda data: change(data["wire"]))

        with pytest.raises(PlanError, match=rf"mine.yaml: .*{message}") as error:
            read_plan(path, GRAPH)
        assert "\n" not in str(error.value)


class TestJpeg:
    CODING = InputCoding(75, 4.2, 0.1, (0.5,), (0.25,))

    def test_it_is_read_as_it_was_written(self, tmp_path):
        graph, file = self.all_cloud()
        write_plan(tmp_path / "p.yaml", file)
        read = read_plan(tmp_path / "p.yaml", graph)

        assert read.plan.input_coding == self.CODING
        assert read.plan.crossing_bytes == 5
        assert read.wire == WireLayout((WireTensor("x", (1, 2, 2), 8, "jpeg", quality=75),))
        plain = replace(file, plan=replace(file.plan, input_coding=None))
        assert plain.half_sha256 != read.half_sha256 == file.half_sha256

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"quality": 0}, "jpeg: quality: must be"),
            ({"bytes": -1.0}, "jpeg: bytes: must be"),
            ({"speed": 3}, "jpeg: .*unexpected keyword"),
        ],
    )
    def test_a_wrong_one_is_refused(self, tmp_path, change, message):
        graph, file = self.all_cloud()
        path = tmp_path / "p.yaml"
        write_plan(path, file)
        data = yaml.safe_load(path.read_text())
        data["jpeg"] |= change
        path.write_text(yaml.safe_dump(data))
        with pytest.raises(PlanError, match=message):
            read_plan(path, graph)

    def all_cloud(self):
        layer = Layer(
            "a", "conv", ("x",), ((1, 2, 2),), (4,), 4, weight_owner="a", weight_channels=1
        )
        graph = Graph("g", {"x": (1, 2, 2)}, (layer,), ("a",))
        plan = Plan("p", "cloud-jpeg", (), {}, {"x": 8}, 0.1, 0.1, 4, 5, input_coding=self.CODING)
        return graph, PlanFile(plan, {}, {"x": Grid.of(8, (0.1,), (3,))}, "g", "")

    def test_only_the_input_can_be_a_picture(self, tmp_path):
        graph, file = self.all_cloud()
        path = tmp_path / "p.yaml"
        quantizer = Grid.of(8, (0.1,), (3,))
        plan = replace(
            file.plan, edge=("a",), weight_bits={"a": 8}, activation_bits={"x": 8, "a": 8}
        )
        tensors = {"x": quantizer, "a": quantizer}
        write_plan(path, replace(file, plan=plan, weights={"a": quantizer}, activations=tensors))
        with pytest.raises(PlanError, match=r"jpeg: .* must be all that crosses, got nothing"):
            read_plan(path, graph)
