# Everything runs in $(VENV), which the first target that needs it creates: see `make help`.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
DEMOS ?= 1

BIN := $(VENV)/bin
READY := $(VENV)/.installed
PEER_VENV := .venv-pennylane-qiskit
PEER_READY := $(PEER_VENV)/.installed
PIP := python -m pip --disable-pip-version-check --quiet install
PIP_INSTALL := $(PIP) -c constraints.txt

# torch comes first and by its exact version: an open range may bring in another build of it, with
# gigabytes of GPU libraries. `make constraints TORCH=x.y.z` moves the pin.
TORCH := $(shell sed -n 's/^torch==\([0-9.]*\).*/\1/p' constraints.txt 2>/dev/null)
# What only some builds of torch depend on stays unpinned.
GPU_LIBRARIES := ^(nvidia-|cuda-|triton)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all bench bench-peers bench-pennylane-qiskit lint format types docs wheel-check constraints clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-22s %s\n", $$1, $$2}'

$(READY): pyproject.toml setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	@echo "Setting up $(VENV) (a few minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "  torch $(TORCH)"
	@$(BIN)/$(PIP_INSTALL) "torch==$(TORCH)"
	@echo "  pennylane-qizgloria and what it is run, tested and checked with"
	@$(BIN)/$(PIP_INSTALL) -e ".[demo,test,dev,docs]"
	@touch $@

demo: $(READY)  ## Train a classifier of digits through a noisy circuit
	$(BIN)/python doc/demos/digits.py --output digits.png

# One thread for each worker: more would compete for the same cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

test: $(READY)  ## Run the tests (WORKERS=2 PYTEST_ARGS="-k name")
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-all: $(READY)  ## Run the tests, those too that take long beside what they show
	$(PYTEST) $(PYTEST_ARGS)

bench: $(READY)  ## Measure against other simulators; 12 to 20 minutes (BENCH_ARGS="layered --wires 8")
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

# pennylane-qiskit pins an older Qiskit, so it has an environment of its own; the rest is the same.
$(PEER_READY): benchmarks/pennylane_qiskit_requirements.txt constraints.txt
	@echo "Setting up $(PEER_VENV)"
	@test -x $(PEER_VENV)/bin/python || $(PYTHON) -m venv $(PEER_VENV)
	@$(PEER_VENV)/bin/$(PIP_INSTALL) "torch==$(TORCH)"
	@grep -v '^qiskit' constraints.txt > $(PEER_VENV)/constraints.txt
	@$(PEER_VENV)/bin/$(PIP) -c $(PEER_VENV)/constraints.txt -r benchmarks/pennylane_qiskit_requirements.txt
	@touch $@

bench-pennylane-qiskit: $(READY) $(PEER_READY)  ## Measure a training step on Aer against pennylane-qiskit; 5 minutes
	$(PEER_VENV)/bin/python benchmarks/training_step.py --output $(PEER_VENV)/measured.json
	$(BIN)/python benchmarks/training_step.py --against $(PEER_VENV)/measured.json

bench-peers: $(READY)  ## Install the other simulators that `make bench` can measure
	$(BIN)/$(PIP_INSTALL) -r benchmarks/requirements.txt

lint: $(READY)  ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## Mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)  ## Check the types
	$(BIN)/mypy

# One thread, because all demos run in one process, where several OpenMP libraries would get in each
# other's way: a step of 8 wires takes 12 ms by itself, and 600 ms then.
docs: $(READY)  ## Build doc/_build/index.html; runs the demos, unless DEMOS=0
	OMP_NUM_THREADS=1 DEMOS=$(DEMOS) $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going doc doc/_build

# Runtime dependencies only, no source tree in reach, and every file of the package accounted for.
# The wheel is built from the source distribution, so that nothing left in build/ gets into it.
wheel-check: $(READY)  ## Build the wheel and use it in an environment of its own
	@set -e; \
	tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; trap 'exit 1' INT TERM; \
	echo "Building the wheel"; \
	$(BIN)/python -m build --outdir "$$tmp/dist" . > "$$tmp/log" 2>&1 || { cat "$$tmp/log"; exit 1; }; \
	wheel=$$(ls "$$tmp"/dist/*.whl); \
	$(BIN)/python -m zipfile -l "$$wheel" | awk '{print $$1}' > "$$tmp/content"; \
	for file in $$(find pennylane_qizgloria -name '*.py') $$(find tomls -name '*.py' -o -name '*.toml' | sed 's,^,pennylane_qizgloria/,'); do \
		grep -qxF "$$file" "$$tmp/content" || { echo "The wheel lacks $$file; is its folder listed in setup.cfg?"; exit 1; }; \
	done; \
	echo "Installing $$(basename "$$wheel") in a new environment"; \
	$(PYTHON) -m venv "$$tmp/venv"; \
	"$$tmp/venv/bin"/$(PIP_INSTALL) "torch==$(TORCH)"; \
	"$$tmp/venv/bin"/$(PIP_INSTALL) "$$wheel"; \
	cd "$$tmp"; \
	printf '%s\n' \
		'import pennylane as qml' \
		'@qml.qnode(qml.device("qizgloria.mixed", wires=2))' \
		'def bell():' \
		'    qml.Hadamard(0)' \
		'    qml.CNOT([0, 1])' \
		'    return qml.expval(qml.Z(0) @ qml.Z(1))' \
		'value = float(bell())' \
		'print("<ZZ> of a Bell pair from the installed wheel:", value)' \
		'assert abs(value - 1) < 1e-6, value' > bell.py; \
	venv/bin/python -I bell.py

constraints:  ## Resolve the newest versions that pyproject.toml allows (TORCH=x.y.z moves torch)
	@set -e; \
	test -n "$(TORCH)" || { echo "Say which: make constraints TORCH=x.y.z"; exit 1; }; \
	tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; trap 'exit 1' INT TERM; \
	echo "torch==$(TORCH)" > "$$tmp/torch.txt"; \
	$(PYTHON) -m venv "$$tmp/venv"; \
	"$$tmp/venv/bin/python" -m pip --disable-pip-version-check --quiet install pip-tools; \
	"$$tmp/venv/bin/pip-compile" --quiet --upgrade --constraint "$$tmp/torch.txt" \
		--extra demo --extra test --extra dev --extra docs --strip-extras --allow-unsafe \
		--no-header --no-annotate --no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file "$$tmp/pins.txt" pyproject.toml; \
	{ \
		echo "# One version of everything that runs, tests and checks the package, so that every machine has the same."; \
		echo "# Written by: make constraints"; \
		sed -n 's/^\([a-z0-9._-]*==[^+ ]*\).*/\1/p' "$$tmp/pins.txt" | grep -Ev '$(GPU_LIBRARIES)' | sort; \
	} > "$$tmp/constraints.txt"; \
	mv "$$tmp/constraints.txt" constraints.txt; \
	echo "constraints.txt: $$(grep -c == constraints.txt) versions"

clean:  ## Remove the environment, builds and caches
	rm -rf $(VENV) $(PEER_VENV) build dist doc/_build doc/gallery *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
