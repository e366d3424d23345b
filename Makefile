# `make demo` and `make test` work on a fresh machine that has Python 3.11 or newer and make: everything else is
# installed into .venv, at the versions of constraints.txt. `make test ARGS=--durations=20` says what takes long.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := negmine-demo
ARGS :=
SITE := 'import sysconfig; print(sysconfig.get_path("purelib"))'
# Processes that run tests, each with a torch of its own.
WORKERS := 2

.PHONY: demo test test-slow lint wheel bench clean

demo: $(VENV)/.installed
	$(BIN)/negmine demo --out $(DEMO)

test: $(VENV)/.installed-test $(VENV)/readers/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not slow' $(ARGS)

test-slow: $(VENV)/.installed-test $(VENV)/readers/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'slow or hypothesis' --hypothesis-profile thorough $(ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The wheel alone goes into an empty environment; it borrows what it depends on from .venv, since torch takes minutes to
# install. So this shows that the wheel is whole, and that .venv has the versions that it asks for.
wheel: $(VENV)/.installed
	rm -rf $(VENV)/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(VENV)/wheel .
	$(BIN)/python -m venv --without-pip $(VENV)/wheel/installed
	$(BIN)/python -m pip --python $(VENV)/wheel/installed install --quiet --no-deps --no-index $(VENV)/wheel/negmine-*.whl
	$(BIN)/python -c $(SITE) > "$$($(VENV)/wheel/installed/bin/python -c $(SITE))/borrowed.pth"
	$(BIN)/python -m pip --python $(VENV)/wheel/installed check
	$(VENV)/wheel/installed/bin/python .ci/check_wheel.py

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/scan.py --quick
	$(BIN)/python benchmarks/many.py --quick
	$(BIN)/python benchmarks/export.py --quick
	$(BIN)/python benchmarks/augment.py --quick
	$(BIN)/python benchmarks/ratio.py --quick

clean:
	rm -rf $(VENV) $(DEMO)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch alone first, at the pinned version: asked for together with the rest, pip may look at other builds of it.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

# Datumaro and Hugging Face's datasets read exports back in an environment of their own: Datumaro brings another build of
# OpenCV, which would overwrite ours.
$(VENV)/readers/.installed: $(VENV)/bin/python Makefile
	$(PYTHON) -m venv $(VENV)/readers
	$(VENV)/readers/bin/python -m pip install --quiet datumaro==1.13.12 datasets==5.2.0
	touch $@

$(VENV)/.installed-lint: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[lint]'
	touch $@
