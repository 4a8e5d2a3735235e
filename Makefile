# The commands of the project. Each makes the environment (.venv) first; see deploy/environment.sh.
.PHONY: help environment demo test test-all check format bench lock clean
.DEFAULT_GOAL := help
export PYTHON
bin := .venv/bin

help:            ## what there is
	@sed -n 's/^\([a-z-]*\): .*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

environment:     ## .venv with the locked packages, and system packages where allowed
	@deploy/environment.sh

demo: environment    ## the main job
	@$(bin)/bac demo $(ARGS)

test: environment    ## all tests but the long forms
	$(bin)/python -m pytest -n 2 -m "not long" $(ARGS)

test-all: environment    ## all tests, with the long forms
	HYPOTHESIS_PROFILE=long $(bin)/python -m pytest -n 2 $(ARGS)

check: environment    ## lint, format, types, layers, tidiness
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/mypy examples
	$(bin)/lint-imports
	$(bin)/python -m pytest -q tests/test_tidy.py

format: environment    ## write the one format
	$(bin)/ruff check --fix-only --quiet .
	$(bin)/ruff format .

bench: environment    ## figures with commit, seed and machine: make bench SUITE=hashgraph
	@$(bin)/python -m bench $(SUITE) $(ARGS)

lock:            ## pin every dependency anew (needs uv on the path)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --no-emit-index-url --extra dev pyproject.toml -o requirements.lock

clean:           ## remove everything that git does not track
	git clean -fdXq
