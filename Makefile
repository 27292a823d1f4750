PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools

.PHONY: demo demo-deploy docs test quick-tests test-slow test-zoo bench bench-accuracy bench-metric bench-toolkit compress-tables lint yolo-weights clean

demo: $(VENV)/.demo
	$(BIN)/autosplit run

# a plan on two processes: promised beside measured, over a shaped link where root may make one
demo-deploy: $(VENV)/.test
	$(BIN)/python experiments/deployed.py --links 3mbps --answers 20

# opens without a server: site/index.html
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# the checks of the code run beside the tests, which leave a core free at times
test: $(VENV)/.test
	$(MAKE) --jobs 2 --keep-going lint quick-tests

quick-tests: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadscope

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

# 188 networks with random weights: results/zoo.csv; a run that was cut goes on
test-zoo: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python experiments/zoo.py

bench-accuracy: $(VENV)/.test $(TOOLS)/.done
	$(BIN)/python experiments/lowbit.py --python $(TOOLS)/bin/python

# rows that are there are not made again; apt install dataset-fashion-mnist
compress-tables: $(VENV)/.test
	$(BIN)/python experiments/compress_variants.py
	OMP_NUM_THREADS=1 $(BIN)/python experiments/compress.py

bench-toolkit: $(TOOLS)/.done
	$(TOOLS)/bin/python experiments/compare_mct.py

bench-metric: $(VENV)/.test
	$(BIN)/python experiments/rank_correlation.py
	$(BIN)/python experiments/rank_correlation.py --draw spread
	$(BIN)/python experiments/rank_correlation.py --effort fast
	$(BIN)/python experiments/rank_correlation.py --model efficientnet-lite0 --data demo --draw spread

bench: $(VENV)/.test
	$(BIN)/python experiments/bench.py
	$(BIN)/python experiments/bench_yolo.py
	$(BIN)/python experiments/bench_serve.py
	$(BIN)/python experiments/bench_page.py

yolo-weights: $(VENV)/bin/python
	$(BIN)/python experiments/fetch_yolo_weights.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --editable ".[demo]"
	touch $@

$(VENV)/.test: $(VENV)/bin/python setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --editable ".[demo,docs,test]"
	touch $@

# other tools have an environment of their own, since they ask for older libraries
$(TOOLS)/.done: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --editable ".[demo,bench]"
	touch $@

clean:
	rm -rf $(VENV) $(TOOLS) site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
