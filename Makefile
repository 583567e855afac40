# Everything works from a fresh clone with Python 3.11+ and make: the targets create .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MERMAID := 11.17.2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-slow test-browser pictures evals recipes check format docs site apps bundle snapshots bench clean

demo: $(VENV)/.run  ## set everything up and show the main job running
	@$(BIN)/nomos-mcp demo

test: $(VENV)/.dev  ## run the tests with the coverage gate
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not browser" --cov --cov-report=term \
		--ignore=tests/test_recipes.py --ignore=tests/apps --ignore=tests/evals

test-slow: $(VENV)/.dev  ## run what takes long: campaigns in short, killed processes, all tests of the history on PostgreSQL
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "slow and not browser"

test-browser: apps  ## look at the MCP Apps in Chromium; screenshots go to screenshots/
	@$(BIN)/python -m pytest -m browser tests/apps

pictures: apps  ## make the pictures of the documentation again, of one day's data; needs Chromium
	@$(BIN)/python -m tests.apps.pictures

evals: $(VENV)/.dev  ## test the evals, play the transcripts of all cases, then all planted wrong answers; asks no model
	@$(BIN)/python -m pytest -q -n auto -m "not slow" tests/evals
	@$(BIN)/python -m evals run --model scripted
	@$(BIN)/python -m evals planted

recipes: $(VENV)/.dev  ## carry out the recipes of CONTRIBUTING.md in a copy of the tree
	@$(BIN)/python -m pytest -n auto tests/test_recipes.py

check: $(VENV)/.dev  ## format, lint, types (those of the examples too), imports, generated files up to date
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m tools.examples
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools.generate --check

format: $(VENV)/.dev  ## format the code and apply safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.dev  ## rewrite the generated parts of the documentation
	@$(BIN)/python -m tools.generate

site: $(VENV)/.site $(VENV)/site/assets/javascripts/mermaid.min.js  ## build the site of the documentation into site/; needs npm
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

apps: docs apps/node_modules/.package-lock.json  ## check and build the MCP Apps; needs Node 20 or newer with npm
	@cd apps && npm run --silent check && npm run --silent build

apps/node_modules/.package-lock.json: apps/package.json apps/package-lock.json
	@cd apps && npm ci --no-fund --no-audit --loglevel=error

bundle: $(VENV)/.run  ## pack the desktop bundle into dist/
	@$(BIN)/python -m tools.bundle

snapshots: $(VENV)/.dev  ## rewrite the tools' schemas that the tests compare with; read the diff
	@UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/server/test_schemas.py

bench: $(VENV)/.dev  ## measure ours against a bare and a generated server; make bench ARGS=--quick takes under a minute
	@$(BIN)/python -m benchmarks $(ARGS)

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-bench .coverage* .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist site apps/node_modules screenshots

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing nomos-mcp into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing nomos-mcp and its development tools into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.run $@

$(VENV)/.site: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing what builds the site into $(VENV) ..."
	@$(PIP) --editable '.[site]'
	@touch $(VENV)/.run $@

# Of mermaid's package one file: its own dependencies are built into that.
$(VENV)/site/assets/javascripts/mermaid.min.js: Makefile
	@mkdir -p $(@D)
	@npm pack --silent --pack-destination $(VENV) mermaid@$(MERMAID) > /dev/null
	@tar -xzOf $(VENV)/mermaid-$(MERMAID).tgz package/dist/mermaid.min.js > $@
	@rm $(VENV)/mermaid-$(MERMAID).tgz
