# Two commands for newcomers, `make water` and `make test`; `make help` lists them all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
LIGHT ?= .venv-light
# PyTorch of the light environment, and where from: give TORCH_INDEX the address of PyTorch's
# index of CPU builds (pytorch.org, "Start locally") to avoid gigabytes of CUDA libraries.
TORCH_LIGHT ?= torch==2.13.0
TORCH_INDEX ?=
# The CUDA platform of OpenMM, where the driver shows a GPU.
CUDA ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo ,cuda12)
JOBS ?= 2
ARGS ?=

# One thread a process: more only fight each other when tests run side by side.
test test-slow test-light examples: export OMP_NUM_THREADS = 1
test test-slow test-light examples: export MKL_NUM_THREADS = 1
PYTEST = -m pytest -n $(JOBS)

.PHONY: help install water test test-slow test-light examples benchmark peers lint format clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make .venv with the package, TorchForce and the test tools (8 GB)

water: install ## simulate 64 water molecules with the shipped model; ARGS="--waters 128" for more
	@echo "== innff run water --resume $(ARGS)    (--resume: what is there already is kept)"
	@$(VENV)/bin/innff run water --resume $(ARGS)
	@echo "== the commands above work in this terminal after: source $(VENV)/bin/activate"

test: install ## the quick tests; ARGS="-k neighbors" for some
	@echo "== quick tests in $(VENV), $(JOBS) at a time"
	@$(VENV)/bin/python $(PYTEST) -m "not slow" $(ARGS)

test-slow: install ## the tests that take minutes
	@echo "== slow tests in $(VENV), $(JOBS) at a time"
	@$(VENV)/bin/python $(PYTEST) -m slow $(ARGS)

test-light: $(LIGHT)/.installed ## the quick tests with the newest OpenMM and without TorchForce
	@echo "== quick tests in $(LIGHT), $(JOBS) at a time"
	@$(LIGHT)/bin/python $(PYTEST) -m "not slow" $(ARGS)

examples: install ## run the scripts of examples/
	@for script in examples/[0-9]*.py; do echo "== $$script"; $(VENV)/bin/python "$$script"; done

benchmark: install ## milliseconds and memory of an evaluation on this machine
	@$(VENV)/bin/python benchmarks/evaluate.py $(ARGS)

peers: install ## time this model beside MACE, ANI, DeePMD, NequIP, Allegro and TIP3P (5 GB, half an hour)
	@$(VENV)/bin/python benchmarks/peers.py $(ARGS)

lint: $(VENV)/.dev ## style, format and types
	@failed=0; for check in "ruff check ." "ruff format --check ." mypy; do \
		echo "== $$check"; $(VENV)/bin/$$check || failed=1; done; exit $$failed

format: $(VENV)/.dev ## put the source into the project's format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean: ## remove the environments and all caches
	rm -rf $(VENV) $(LIGHT) .venv-peers-* build *.egg-info .mypy_cache .pytest_cache .ruff_cache

# The stamps say from which pyproject.toml and which C++ sources an environment was made.
NATIVE = $(wildcard openmm_innff/engine/native/*)

$(VENV)/.installed: pyproject.toml $(NATIVE)
	@tools/venv.sh $(VENV) 8 -e ".[torchforce,openmmml,openmmtools,prepare,freeenergy,bespoke,dask,test$(CUDA)]"
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@tools/venv.sh $(VENV) 8 $$($(VENV)/bin/python -c "import tomllib; \
		print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['dev'])")
	@touch $@

$(LIGHT)/.installed: pyproject.toml $(NATIVE)
	@tools/venv.sh $(LIGHT) 2 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH_LIGHT)"
	@tools/venv.sh $(LIGHT) 2 "openmm>=8.6.1" -e ".[openmmml,bespoke,dask,test]"
	@touch $@
