"""Plans: out to YAML and in again, and what an edit changes."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from plans import GRAPH, plan_file

from autosplit.errors import FileError, PlanError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.grid.grid import Grid, Unquantized
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.plan.plan import Origin, Plan
from autosplit.plan.planfile import PlanFile, read_plan, write_plan
from autosplit.stats.coding import InputCoding

DIGEST = "6ded5c829bec6982d7557480cc34cf37b7a9d467ac812e63a048313fe4f53eb8"


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


class TestYaml:
    def test_what_is_written_is_read_back(self, path):
        assert read_plan(path, GRAPH) == plan_file()

    def test_the_weights_that_it_was_finished_for_are_read_back(self, tmp_path):
        write_plan(tmp_path / "p.yaml", plan_file(weights_sha256="12ab"))

        assert read_plan(tmp_path / "p.yaml", GRAPH).weights_sha256 == "12ab"

    def test_the_same_plan_gives_the_same_bytes(self, path, tmp_path):
        write_plan(tmp_path / "again.yaml", read_plan(path, GRAPH))

        assert (tmp_path / "again.yaml").read_bytes() == path.read_bytes()

    def test_it_says_what_it_is_and_adds_up_its_seconds(self, path):
        data = yaml.safe_load(path.read_text())

        assert path.read_text().startswith("schema: autosplit/plan/1\n")
        assert data["made_by"].startswith("autosplit ")
        assert data["predictions"]["3mbps"]["latency_s"] == pytest.approx(0.6)
        assert data["baseline"] == {"name": "cloud16", "latency_s": {"3mbps": 0.9}}

    def test_a_finished_plan_is_read_back_whole(self, tmp_path):
        file = plan_file(
            codes={"a": np.arange(10, dtype=np.uint8).reshape(2, 5)},
            biases={"b": np.float32([1, -2, 0.5])},
            equalized=True,
            weights_sha256="12ab",
            origin=Origin("one", "two", "three"),
        )
        write_plan(tmp_path / "p.yaml", file)
        found = read_plan(tmp_path / "p.yaml", GRAPH)

        assert found.codes["a"].tolist() == file.codes["a"].tolist()
        assert found.biases["b"].tolist() == file.biases["b"].tolist()
        assert replace(found, codes={}, biases={}) == replace(file, codes={}, biases={})
        assert found.half_sha256 == file.half_sha256

    def test_tensors_that_stay_floats_are_read_back(self, tmp_path):
        floats = {"a": Unquantized(16), "b": Unquantized(32)}
        plan = replace(
            plan_file().plan,
            weight_bits={"a": 16, "b": 32},
            activation_bits={"x": 8, "a": 16, "b": 32},
        )
        file = plan_file(
            plan=plan, weights=floats, activations={**plan_file().activations, **floats}
        )
        write_plan(tmp_path / "p.yaml", file)
        found = read_plan(tmp_path / "p.yaml", GRAPH)

        assert (found.weights, found.activations) == (file.weights, file.activations)
        assert found.plan.crossing_bytes == 10 + 12

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

    def test_every_problem_of_its_grids_is_named_at_once(self, path):
        def change(data):
            data["weights"]["a"]["bits"] = 17
            del data["activations"]["x"]["scale"]

        edit(path, change)

        with pytest.raises(PlanError) as caught:
            read_plan(path, GRAPH)

        assert str(caught.value) == (
            f"{path}: weights: a: bits must be a whole number, 1 to 8, got 17; "
            f"{path}: activations: x: missing key 'scale'"
        )

    def test_every_problem_of_its_other_values_is_named_at_once(self, path):
        edit(path, lambda data: data.update(name=3, baseline=None))

        with pytest.raises(FileError) as caught:
            read_plan(path, GRAPH)

        assert str(caught.value) == (
            f"{path}: name: must be text, got 3; {path}: baseline: must be a mapping, got NoneType"
        )

    @pytest.mark.parametrize(
        "schema", ["autosplit/plan/2", "autosplit/plan/0", "autosplit/stats/1", "plan", None]
    )
    def test_another_version_or_kind_of_file_is_one_clear_line(self, path, schema):
        text = path.read_text().split("\n", 1)[1]
        path.write_text(text if schema is None else f"schema: {schema}\n{text}")

        with pytest.raises(FileError) as caught:
            read_plan(path, GRAPH)

        line = f"{path}: must begin with 'schema: autosplit/plan/1', got {schema!r}"
        again = schema is not None and schema.startswith("autosplit/plan/")
        remedy = ", a file of another version of autosplit: make it again" if again else ""
        assert str(caught.value) == line + remedy

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

    def test_keys_of_the_file_are_checked(self, path):
        def change(data):
            data["actvations"] = data.pop("activations")

        edit(path, change)

        with pytest.raises(
            FileError, match=r"'actvations', did you mean 'activations'\?; .*missing"
        ):
            read_plan(path, GRAPH)


class TestDigest:
    def test_it_is_what_the_first_version_gave(self):
        """Run folders hold digests: a finished plan is known by the one of its plan."""
        assert plan_file().half_sha256 == DIGEST

    def test_it_does_not_depend_on_names_methods_and_predictions(self):
        plan = replace(plan_file().plan, name="other", method="other", predictions={})

        assert plan_file(plan=plan, model="other", baseline="b").half_sha256 == DIGEST

    @pytest.mark.parametrize(
        "change",
        [
            {"weights": {**plan_file().weights, "b": Grid.of(5, (0.5, 0.25, 0.126), (16, 31, 1))}},
            {"activations": {**plan_file().activations, "a": Grid.of(3, 1.0, 1)}},
            {"codes": {"a": np.zeros((2, 5), np.uint8)}},
            {"biases": {"b": np.zeros(3, np.float32)}},
            {"equalized": True},
            {"plan": replace(plan_file().plan, edge=("a",))},
        ],
    )
    def test_it_changes_with_all_that_decides_the_answers(self, change):
        assert plan_file(**change).half_sha256 != DIGEST


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
