# Everything a person or a CI does here. `make setup` needs Python 3.11 or newer (PYTHON=python3.13 to choose) and
# pip; the rest runs in .venv. Tools are called as modules: a script's first line names the place it was made in.

PYTHON ?= python3
RUN := .venv/bin/python -m

.PHONY: help setup demo test lint format bench soak clean

help:
	@echo 'make setup   .venv with everything, pinned'
	@echo 'make demo    a filled register to look at (ONCE=1 stops after the summary)'
	@echo 'make test    the tests          make lint    ruff, mypy, import contracts'
	@echo 'make soak    the long proofs    make bench   how fast it is'
	@echo 'make format  let ruff lay out   make clean   remove .venv and caches'

setup:
	@scripts/setup '$(PYTHON)' '$(origin PYTHON)'

demo: setup
	@$(RUN) portbook demo $(if $(ONCE),--once)

test: setup
	@scripts/test

lint: setup
	@scripts/lint

format: setup
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: setup
	@$(RUN) bench

soak: setup
	@scripts/test -m soak

clean:
	rm -rf .venv build dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
