"""Files: whole or not at all, the same bytes each time, and nothing foreign taken for ours."""

import csv
import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from autosplit.errors import FileError
from autosplit.files import (
    check_keys,
    parse_yaml,
    read_csv,
    read_json,
    read_yaml,
    sha256_of,
    sha256_of_file,
    write_bytes,
    write_csv,
    write_json,
    write_text,
    write_yaml,
)

DATA = {"b": 0.1, "a": [1, 2], "on": "no", "0": {"y": None}}


def names(folder):
    return [path.name for path in folder.iterdir()]


class TestWriting:
    def test_folders_are_made(self, tmp_path):
        write_text(tmp_path / "a" / "b" / "c.txt", "grün\n")

        assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"gr\xc3\xbcn\n"

    def test_plain_values_alone_are_read_back(self, tmp_path):
        write_yaml(tmp_path / "a.yaml", "thing", {"b": 1, "a": "x"})

        assert read_yaml(tmp_path / "a.yaml", "thing") == {"b": 1, "a": "x"}

    def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "plan.yaml"
        path.write_text("old")

        with pytest.raises(TypeError):
            write_bytes(path, "text where bytes belong")

        assert path.read_text() == "old"
        assert names(tmp_path) == ["plan.yaml"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
    def test_a_failure_at_the_last_moment_leaves_the_old_file(self, tmp_path, monkeypatch, error):
        path = tmp_path / "plan.yaml"
        path.write_text("old")

        def fail(*_):
            raise error

        monkeypatch.setattr("pathlib.Path.replace", fail)
        with pytest.raises(FileError if error is OSError else error):
            write_bytes(path, b"new")

        assert path.read_text() == "old"
        assert names(tmp_path) == ["plan.yaml"]

    def test_rows_that_fail_half_way_leave_the_old_file(self, tmp_path):
        def rows():
            yield {"a": 1}
            raise KeyboardInterrupt

        (tmp_path / "t.csv").write_text("old")
        with pytest.raises(KeyboardInterrupt):
            write_csv(tmp_path / "t.csv", ["a"], rows())

        assert (tmp_path / "t.csv").read_text() == "old"

    def test_a_place_that_is_no_folder_is_one_clear_error(self, tmp_path):
        (tmp_path / "file").write_text("")

        with pytest.raises(FileError, match=r"file/x\.yaml: must be a place to write to"):
            write_bytes(tmp_path / "file" / "x.yaml", b"")

    def test_a_file_can_be_read_by_others(self, tmp_path):
        write_bytes(tmp_path / "x", b"")

        assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


class TestYaml:
    def test_the_schema_is_first_and_keys_are_sorted(self, tmp_path):
        write_yaml(tmp_path / "x.yaml", "pick", DATA)

        lines = (tmp_path / "x.yaml").read_text().splitlines()
        assert lines[0] == "schema: autosplit/pick/1"
        assert [line.split(":")[0] for line in lines[1:]] == ["'0'", "a", "b", "'on'"]

    def test_the_order_of_a_mapping_does_not_change_the_bytes(self, tmp_path):
        write_yaml(tmp_path / "x.yaml", "pick", DATA)
        write_yaml(tmp_path / "y.yaml", "pick", dict(reversed(DATA.items())))

        assert (tmp_path / "x.yaml").read_bytes() == (tmp_path / "y.yaml").read_bytes()

    def test_what_is_written_is_read_back(self, tmp_path):
        write_yaml(tmp_path / "x.yaml", "pick", DATA)

        assert read_yaml(tmp_path / "x.yaml", "pick") == DATA
        assert yaml.safe_load((tmp_path / "x.yaml").read_text()).pop("b") == 0.1

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("schema: autosplit/stats/1\n", "'autosplit/stats/1'"),
            (
                "schema: autosplit/pick/0\n",
                "'autosplit/pick/0', a file of another version of autosplit: make it again",
            ),
            ("a: 1\n", "None"),
            ("- 1\n", "None"),
            ("", "None"),
        ],
        ids=["foreign kind", "older version", "no schema", "a list", "empty"],
    )
    def test_another_schema_is_refused(self, tmp_path, text, found):
        (tmp_path / "x.yaml").write_text(text)

        with pytest.raises(FileError) as caught:
            read_yaml(tmp_path / "x.yaml", "pick")

        expected = f"must begin with 'schema: autosplit/pick/1', got {found}"
        assert str(caught.value) == f"{tmp_path / 'x.yaml'}: {expected}"

    @pytest.mark.parametrize(
        "text", ["a: [1", "a: 1\n b: 2", "a: 2024-13-01", "!!python/name:os.x"]
    )
    def test_what_is_no_yaml_is_refused_in_one_line(self, tmp_path, text):
        (tmp_path / "x.yaml").write_text(text)

        with pytest.raises(FileError, match=r"x\.yaml: must be valid YAML") as caught:
            parse_yaml(tmp_path / "x.yaml")

        assert "\n" not in str(caught.value)

    def test_a_binary_file_is_refused(self, tmp_path):
        (tmp_path / "x.yaml").write_bytes(b"\x89PNG\r\n\xff\x00")

        with pytest.raises(FileError, match="must be UTF-8 text"):
            read_yaml(tmp_path / "x.yaml", "pick")

    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(FileError, match=r"x\.yaml: must be a readable file, No such file"):
            read_yaml(tmp_path / "x.yaml", "pick")


class TestJson:
    def test_the_schema_is_first_and_what_is_written_is_read_back(self, tmp_path):
        write_json(tmp_path / "x.json", "stage", {"b": 1, "a": [0.1]})

        text = (tmp_path / "x.json").read_text()
        assert list(json.loads(text)) == ["schema", "a", "b"]
        assert text.endswith("}\n")
        assert read_json(tmp_path / "x.json", "stage") == {"a": [0.1], "b": 1}

    def test_what_is_no_json_or_of_another_kind_is_refused(self, tmp_path):
        (tmp_path / "x.json").write_text("{")
        with pytest.raises(FileError, match="must be valid JSON"):
            read_json(tmp_path / "x.json", "stage")

        write_json(tmp_path / "x.json", "graph", {})
        with pytest.raises(FileError, match="must begin with 'schema: autosplit/stage/1'"):
            read_json(tmp_path / "x.json", "stage")

    def test_a_number_that_json_has_not_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "x.json", "stage", {"a": float("nan")})

        assert names(tmp_path) == []


class TestCsv:
    def test_floats_survive_and_none_is_empty(self, tmp_path):
        write_csv(tmp_path / "t.csv", ["a", "b"], [{"a": 0.1 + 0.2, "b": None}, {"a": 1e-300}])

        text = (tmp_path / "t.csv").read_text()
        assert text == "a,b\n0.30000000000000004,\n1e-300,\n"
        assert read_csv(tmp_path / "t.csv", ["a", "b"]) == [
            {"a": "0.30000000000000004", "b": ""},
            {"a": "1e-300", "b": ""},
        ]

    def test_a_text_with_comma_quote_and_newline_survives(self, tmp_path):
        row = {"a": 'x,"y"\nz'}
        write_csv(tmp_path / "t.csv", ["a"], [row])

        assert read_csv(tmp_path / "t.csv", ["a"]) == [row]
        with (tmp_path / "t.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [["a"], ['x,"y"\nz']]

    def test_an_unknown_column_is_our_own_mistake(self, tmp_path):
        with pytest.raises(ValueError, match="c"):
            write_csv(tmp_path / "t.csv", ["a"], [{"a": 1, "c": 2}])

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("a,c\n1,2\n", "header must be a,b, got a,c"),
            ("", "header must be a,b, got nothing"),
            ("a,b\n1,2\n3\n", "row 2 must have 2 fields, got 1"),
            ("a,b\n1,2,3\n", "row 1 must have 2 fields, got 3"),
        ],
    )
    def test_another_table_is_refused(self, tmp_path, text, problem):
        (tmp_path / "t.csv").write_text(text)

        with pytest.raises(FileError) as caught:
            read_csv(tmp_path / "t.csv", ["a", "b"])

        assert str(caught.value) == f"{tmp_path / 't.csv'}: {problem}"

    def test_empty_lines_are_no_rows(self, tmp_path):
        (tmp_path / "t.csv").write_text("a,b\n\n1,2\n\n")

        assert read_csv(tmp_path / "t.csv", ["a", "b"]) == [{"a": "1", "b": "2"}]


class TestKeys:
    def test_all_problems_are_named_at_once(self):
        found = check_keys({"rows": 1, "bandwith": 2, 7: 3}, ["bandwidth", "rows"], where="d.yaml")

        assert found == [
            "d.yaml: unknown key 7, choose from: bandwidth, rows",
            "d.yaml: unknown key 'bandwith', did you mean 'bandwidth'?",
            "d.yaml: missing key 'bandwidth'",
        ]

    def test_an_optional_key_may_be_there_or_not(self):
        assert check_keys({"a": 1}, ["a"], ["b"], where="x") == []
        assert check_keys({"a": 1, "b": 1}, ["a"], ["b"], where="x") == []

    def test_what_is_no_mapping_is_one_problem(self):
        assert check_keys([1], ["a"], where="x") == ["x: must be a mapping, got list"]


class TestHashes:
    def test_they_are_sha256(self, tmp_path):
        (tmp_path / "x").write_bytes(b"abc")

        known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert sha256_of("abc") == sha256_of(b"abc") == sha256_of_file(tmp_path / "x") == known
        assert sha256_of("ü") == hashlib.sha256("ü".encode()).hexdigest()

    def test_a_missing_file_has_none(self, tmp_path):
        with pytest.raises(FileError, match="must be a readable file"):
            sha256_of_file(tmp_path / "x")


class TestHostileFiles:
    """A file from elsewhere costs one clear error: no wait, no flood, no silent choice."""

    @pytest.mark.parametrize("read", [parse_yaml, sha256_of_file, lambda p: read_csv(p, ["a"])])
    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path, read):
        os.mkfifo(tmp_path / "pipe")

        with pytest.raises(FileError, match="pipe: must be a plain file, it is a pipe"):
            read(tmp_path / "pipe")

    @pytest.mark.parametrize("read", [parse_yaml, sha256_of_file, lambda p: read_json(p, "a")])
    def test_a_device_that_never_ends_is_refused(self, read):
        with pytest.raises(FileError, match="/dev/zero: must be a plain file, it is a device"):
            read(Path("/dev/zero"))

    def test_a_folder_is_refused(self, tmp_path):
        with pytest.raises(FileError, match="must be a"):
            parse_yaml(tmp_path)

    def test_a_file_over_the_limit_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "x.yaml").write_text("a: 12345\n")
        monkeypatch.setattr("autosplit.plainfile.MOST_BYTES", 9)
        assert parse_yaml(tmp_path / "x.yaml") == {"a": 12345}
        monkeypatch.setattr("autosplit.plainfile.MOST_BYTES", 8)
        with pytest.raises(FileError, match="must have at most 8 bytes, has more"):
            parse_yaml(tmp_path / "x.yaml")

    @pytest.mark.parametrize("levels", [7, 10, 40])
    def test_an_alias_bomb_is_refused_at_once(self, tmp_path, levels):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
        (tmp_path / "bomb.yaml").write_text("\n".join(lines))

        with pytest.raises(
            FileError, match="aliases must stand for at most 100,000 values"
        ) as info:
            parse_yaml(tmp_path / "bomb.yaml")

        assert len(str(info.value)) < 300
        assert str(info.value).count("bomb.yaml") == 1

    def test_a_few_aliases_and_merges_are_read(self, tmp_path):
        text = "base: &b {x: 1, y: 2}\nlist: [*b, *b]\nmore: {<<: *b, y: 3}\n"
        (tmp_path / "x.yaml").write_text(text)

        found = parse_yaml(tmp_path / "x.yaml")

        base = {"x": 1, "y": 2}
        assert found == {"base": base, "list": [base, base], "more": {"x": 1, "y": 3}}

    def test_an_alias_inside_its_own_anchor_is_refused(self, tmp_path):
        (tmp_path / "x.yaml").write_text("a: &a [1, *a]\n")

        with pytest.raises(FileError, match="inside its own anchor"):
            parse_yaml(tmp_path / "x.yaml")

    def test_many_plain_values_are_no_bomb(self, tmp_path):
        (tmp_path / "x.yaml").write_text(f"a: [{', '.join(['1'] * 150_000)}]\n")

        assert len(parse_yaml(tmp_path / "x.yaml")["a"]) == 150_000

    @pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x: {a: 1, a: 1}\n"])
    def test_a_key_that_stands_twice_is_refused_with_its_line(self, tmp_path, text):
        (tmp_path / "x.yaml").write_text(text)

        with pytest.raises(FileError, match=r"line [13]: key 'a' must stand once"):
            parse_yaml(tmp_path / "x.yaml")

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            ('{"schema": "autosplit/a/1", "x": NaN}', "a number must be finite, got NaN"),
            ('{"schema": "autosplit/a/1", "x": 1, "x": 2}', "key 'x' must stand once"),
            ("[" * 100_000, "must be valid JSON"),
            ('{"x": ' + "9" * 5000 + "}", "must be valid JSON"),
        ],
    )
    def test_json_that_python_takes_and_json_does_not(self, tmp_path, body, problem):
        (tmp_path / "x.json").write_text(body)

        with pytest.raises(FileError, match=problem):
            read_json(tmp_path / "x.json", "a")

    @pytest.mark.parametrize("text", ["a: " + "[" * 50_000, "a: " + "9" * 5000, "a: 2024-13-01"])
    def test_yaml_that_its_reader_trips_over(self, tmp_path, text):
        (tmp_path / "x.yaml").write_text(text)

        with pytest.raises(FileError, match="must be valid YAML"):
            parse_yaml(tmp_path / "x.yaml")
