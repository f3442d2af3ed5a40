# Each target makes its own virtual environment and installs what is pinned, once per set of pins.
# Nothing needs activating. `make` alone lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3.11 python3.12 python3.13 python3
VENV := .venv
BIN := $(VENV)/bin
PINS := $(wildcard requirements*.txt)
# The stamp carries the pins' checksum, so that a checkout that only touches the files installs nothing again.
STAMP := $(VENV)/installed-$(shell cat $(PINS) | cksum | cut -d ' ' -f 1)
# One more than the two cores of the smallest machine: tests with a Chromium wait more than they compute.
WORKERS ?= 3

# Without a .env this is somebody's own machine: DEBUG makes a secret key and keeps it in var/.
ifeq ($(wildcard .env),)
export DEBUG ?= 1
endif

.PHONY: help install demo web worker test soak check clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

install: $(STAMP) ## Make .venv with everything pinned in requirements-dev.txt

# A name is not enough: version managers leave names that run nothing, and some systems lack venv.
$(STAMP): $(PINS)
	@test -x $(BIN)/python || for name in $(PYTHON); do \
		if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$name"; exec $$name -m venv $(VENV); \
		fi; \
	done
	@test -x $(BIN)/python || { echo "No Python 3.11 or newer with venv was found among: $(PYTHON)."; \
		echo "Install one (on Debian also python3-venv), or run: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing what is pinned in requirements-dev.txt into $(VENV): about 2.6 GB on disk with torch for the processor,"
	@echo "several GB more with the CUDA build. The first time takes some minutes; later calls install nothing."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-peer.txt
	@rm -f $(VENV)/installed-*
	@touch $@

demo: install ## Show everything once: images, a campaign, simulated raters, results; then serve it
	$(BIN)/python manage.py demo

web: install ## Serve the pages on 127.0.0.1:8000
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py runserver

worker: install ## Generate images
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py worker

test: install ## Run every test (WORKERS=n for n at a time)
	@begun=$$(date +%s); \
	$(BIN)/python -m tests.chromium \
		&& OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder; \
	status=$$?; took=$$(($$(date +%s) - begun)); \
	echo "make test took $$((took / 60)) min $$((took % 60)) s, $(WORKERS) tests at a time."; exit $$status

soak: install ## Run the long tests: kill -9 under load, 10,000 random steps
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m soak

check: install ## Lint, format, types, migrations in step, import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m pytest -q tests/test_layers.py

clean: ## Remove the virtual environment and caches; var/ (database, images) stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis static_collected
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
