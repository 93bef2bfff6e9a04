# `make demo` shows the library at work; `make test` checks it. Each sets up .venv itself, with the first Python that will
# do, or with the one named: make test PYTHON=python3.12
PYTHON =
CANDIDATES = python3 python3.14 python3.13 python3.12 python3.11 python3.10 python
SUITABLE = import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))

.PHONY: help demo test clean

help:
	@echo 'make demo    install the library in .venv and run examples/demo.py'
	@echo 'make test    tests on SQLite and Postgres, lint, types and the examples of the docs, with tox'
	@echo 'make clean   remove what these two made'

demo: .venv/library
	@.venv/bin/python examples/demo.py

test: .venv/tox
	.venv/bin/python -m tox run -e lint,types,docs,py

clean:
	rm -rf .venv .tox build dist *.egg-info demo.db demo.db-*

# Editable, so that a second run needs nothing as long as the metadata stays.
.venv/library: .venv/made setup.cfg pyproject.toml
	.venv/bin/python -m pip install --quiet --editable .
	@touch $@

.venv/tox: .venv/made
	.venv/bin/python -m pip install --quiet 'tox>=4.25'
	@touch $@

.venv/made:
	@for python in $(or $(PYTHON),$(CANDIDATES)); do \
	    if "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
	        echo "making .venv with $$("$$python" --version)"; \
	        "$$python" -m venv --clear .venv && touch $@; exit; \
	    fi; \
	done; \
	echo 'This needs Python 3.10 or newer with its venv module (on Debian: apt install python3-venv).' >&2; \
	echo 'None of these is one: $(or $(PYTHON),$(CANDIDATES)). Name yours: make PYTHON=/path/to/python' >&2; \
	exit 1
