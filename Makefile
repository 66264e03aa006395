# The commands of this project. Python 3.11+ and make are all they assume.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Some images switch bytecode off: each worker of the tests would compile everything, every time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test check search mutants bench lock clean

help: ## What there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make .venv with the pinned dependencies and the package

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=/path/to/python3" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## The whole story, offline, in under a minute once installed
	@$(BIN)/python -m sandbox

# Four at once also on two cores: most of the time of a journey is waiting. A few at a time, so that
# nobody is left alone with the long ones.
test: $(STAMP) ## Every test, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest -n 4 --maxschedchunk 4 $(ARGS)

check: $(STAMP) ## What CI asks besides the tests: format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

search: $(STAMP) ## Every fault at every moment, and pairs of them, in virtual time
	@$(BIN)/python -m tests.search $(ARGS)

mutants: $(STAMP) ## Take each safeguard away in turn; a named test has to miss it
	@$(BIN)/python -m mutants $(ARGS)

bench: $(STAMP) ## Measure the bot against the least that its libraries can do
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(STAMP) ## Pin the newest allowed versions into constraints.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --upgrade --universal --no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra dev --python-version 3.11 pyproject.toml -o constraints.txt

clean: ## Remove what the other commands made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
