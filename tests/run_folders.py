"""Run folders in tests: what is in them, and stages done again on them."""

import csv

import yaml

from autosplit.files import read_yaml
from autosplit.runs.stages import run as stages

NAMES = ("stats", "search", "latency", "quantize", "collect")


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def files_in(files, folder):
    return {n.removeprefix(f"{folder}/"): b for n, b in files.items() if n.startswith(f"{folder}/")}


def rerun(tiny, **change):
    """Run all stages again; gives the names of those that had something to do."""
    outcomes = stages.run(tiny.run, {**tiny.given, **change})
    return [outcome.stage for outcome in outcomes if not outcome.done_before]


def step(tiny, stage, force=False, **given):
    return stages.STAGES[stage].run(tiny.run, given, force=force)


def weights(path):
    return read_yaml(path, "plan")["weights"].values()


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def edit_plan(tiny, name, change):
    path = tiny.run / "plans" / f"{name}.yaml"
    data = yaml.safe_load(path.read_text())
    schema = data.pop("schema")
    change(data)
    path.write_text(f"schema: {schema}\n{yaml.safe_dump(data)}")
    return path


def edit_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
