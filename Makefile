# `make help` lists the targets. A fresh Debian or Ubuntu needs Python 3.11+ (python3-venv, python3-dev), git, make
# and a C++ compiler; everything else, cmake included, comes from the package index into .venv.

usable = $(shell command -v $(1) >/dev/null && $(1) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(1))
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(call usable,$(name))))

VENV := .venv
ENGINE_VENVS := .venv-jax .venv-torch
ENGINE_TESTS := tests/test_model_recurrence.py tests/test_training_shapes.py tests/test_training_backends.py tests/test_training_hosts.py tests/test_training_clusters.py
SANITIZE_VENV := .venv-sanitize
# the editable install maps modules to files: it is made anew when their set changes
PACKAGE := $(VENV)/.package-$(shell find asrkit -name '*.py' | LC_ALL=C sort | cksum | cut -d ' ' -f 1)
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# what the commands work on; override as in `make transcribe AUDIO=./wavs LM=lm/3gram.arpa`
AUDIO ?= ./wavs
BEAM ?= 50
LM ?=
HYP ?= transcripts/hyp.txt
REF ?= ref.txt
TEXT ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-all test-jax test-torch test-ray test-gpu engine-jax engine-torch lint docs-fresh check bench bench-decoder bench-decoder-pieces bench-lm bench-score bench-transcribe bench-train bench-robustness sanitize train transcribe score lm model format docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

## setup --------------------------------------------------------------------------------------------------------------

setup: $(PACKAGE) ## make .venv with everything in it (done by every other target when needed)

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found; install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.requirements: requirements.txt requirements-dev.txt | $(VENV)/.python
	$(PIP) install --quiet -r requirements.txt -r requirements-dev.txt
	@touch $@

# without build isolation CMake's cache stays valid, so that a changed C++ file rebuilds in seconds
$(PACKAGE): $(VENV)/.requirements pyproject.toml CMakeLists.txt $(wildcard asrkit/native/*/*)
	$(VENV)/bin/python scripts/remove_former.py
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@rm -f $(VENV)/.package-* && touch $@

## using it -----------------------------------------------------------------------------------------------------------

demo: setup ## the whole loop, offline: synthesize speech, train, transcribe, score
	asrkit demo

train: setup ## train as asrkit.toml says
	asrkit train

transcribe: setup ## transcribe AUDIO=./wavs with BEAM=50, optionally LM=lm/3gram.arpa
	asrkit transcribe $(AUDIO) --beam $(BEAM) $(if $(LM),--lm $(LM))

score: setup ## score HYP=transcripts/hyp.txt against REF=ref.txt
	asrkit score $(HYP) $(REF)

lm: setup ## build lm/3gram.arpa from TEXT=..., else LJSpeech's transcripts, else the demo's sentences
	python scripts/make_lm.py $(TEXT)

model: setup ## train english-small, the model in the box, from TRAIN=..., DEV=... (scripts/collect_english.py), LEXICON=... and TEXT=...
	scripts/english_small.sh $(or $(TRAIN),data/english/train.tsv) $(or $(DEV),data/english/dev.tsv) $(or $(LEXICON),data/cmudict-en-us.dict) $(or $(TEXT),$(wildcard data/text/*)) -- models/english-small

## checking it --------------------------------------------------------------------------------------------------------

test: setup ## the fast tests, on all cores
	python -m pytest -n auto --dist loadfile

test-slow: setup ## only the long tests
	python -m pytest -m slow

test-all: setup ## all tests, the long ones too
	python -m pytest -m "not jax and not torch and not ray"

test-jax: ## the model on Keras' JAX backend, in an environment without TensorFlow
test-torch: ## the same on PyTorch
test-jax test-torch: test-%: engine-%
	KERAS_BACKEND=$* .venv-$*/bin/pytest -m "not slow" $(ENGINE_TESTS)

test-ray: engine-jax ## training and transcription on a Ray of this machine, in the environment of JAX
	KERAS_BACKEND=jax .venv-jax/bin/pytest -m ray $(wildcard tests/test_*_ray.py)

engine-jax engine-torch: engine-%: setup .venv-%/.requirements
	rm -rf build/$*
	$(PIP) wheel --quiet --no-build-isolation --no-deps --wheel-dir build/$* .
	.venv-$*/bin/python scripts/remove_former.py
	.venv-$*/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --force-reinstall build/$*/*.whl

test-gpu: ## what needs a GPU, with the Python that has it: PYTHON=..., and asrkit importable there
	$(PYTHON) -m pytest tests/test_gpu.py

$(ENGINE_VENVS:%=%/.requirements): .venv-%/.requirements: requirements-%.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 found" >&2; exit 1; }
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip --disable-pip-version-check install --quiet -r requirements-$*.txt
	@touch $@

lint: setup docs-fresh ## format, style, types, import layers and generated files
	ruff format --check .
	ruff check .
	mypy
	lint-imports

docs-fresh: setup
	python scripts/write_cli_reference.py --check
	python -m nanobind.stubgen --quiet -m asrkit._native -o build/_native.pyi
	@cmp asrkit/_native.pyi build/_native.pyi || { echo "the extension's stub is out of date: run make docs" >&2; exit 1; }

check: lint test ## everything a change must pass, but for the long tests

SANITIZED = LD_PRELOAD="$$($${CXX:-g++} -print-file-name=libasan.so) $$($${CXX:-g++} -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(SANITIZE_VENV)/bin/python

sanitize: $(SANITIZE_VENV)/.package ## the tests of the C++ core with AddressSanitizer and UndefinedBehaviorSanitizer
	$(SANITIZED) benchmarks/robustness.py 200 --native
	$(SANITIZED) -m pytest -n auto --dist loadfile -m "not slow" --timeout 900 $(wildcard tests/test_*decod*.py tests/test_emissions*.py tests/test_*ngram*.py tests/test_language_model*.py tests/test_metrics_alignment.py tests/test_metrics_counting.py tests/test_normalizer.py tests/test_tensorflow_ops.py)

# an environment that sees the packages of .venv but has an extension of its own
$(SANITIZE_VENV)/.package: $(PACKAGE)
	$(VENV)/bin/python -m venv --without-pip $(SANITIZE_VENV)
	cd $(SANITIZE_VENV)/lib/python*/site-packages && ls -d $(CURDIR)/$(VENV)/lib/python*/site-packages > zz_packages.pth
	$(SANITIZE_VENV)/bin/python scripts/remove_former.py
	$(SANITIZE_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps --force-reinstall \
	  -C build-dir=build/sanitize -C cmake.build-type=RelWithDebInfo -C cmake.define.ASRKIT_SANITIZE=ON -e .
	@touch $@

bench: setup ## time the commands and the plain route they replace, in one run
	python benchmarks/foundation.py

bench-decoder: $(VENV)/.bench ## the beam search beside other decoders
	python benchmarks/decoder.py

bench-decoder-pieces: $(VENV)/.bench ## the same over pieces of words: TEXT=, SENTENCES= and LM= are files
	python benchmarks/decoder_pieces.py --text $(TEXT) --sentences $(SENTENCES) --lm $(LM) --keep build/decoder_pieces

bench-lm: setup ## language model tools beside kenlm, on TEXT=... or what make lm finds
	python benchmarks/language_model.py $(TEXT)

bench-score: $(VENV)/.bench ## scoring beside jiwer, sclite and kaldialign
	python benchmarks/score.py

bench-robustness: $(SANITIZE_VENV)/.package ## 2,000 damaged files for each reader of them; what reaches the C++ core under the sanitizers, too
	$(SANITIZED) benchmarks/robustness.py --native
	python benchmarks/robustness.py

bench-train: setup ## training steps beside the loop of the Keras example, in one run
	python benchmarks/training.py

bench-transcribe: setup ## time asrkit transcribe on a folder beside hand-written loops, with stages and memory
	python benchmarks/transcribe.py

# the peers of the benchmarks come on top of .venv
$(VENV)/.bench: requirements-bench.txt $(PACKAGE)
	$(PIP) install --quiet -r requirements-bench.txt
	@touch $@

## keeping it ---------------------------------------------------------------------------------------------------------

format: setup ## format the code and mend what ruff can mend
	ruff format .
	ruff check --fix .

docs: setup ## write what is generated: docs/cli.md and the stub of the extension
	python scripts/write_cli_reference.py
	python -m nanobind.stubgen --quiet -m asrkit._native -o asrkit/_native.pyi

lock: setup ## resolve the requirements anew, for all supported Pythons at once
	scripts/lock.sh

clean: ## remove builds, caches and environments; models, data and transcripts stay
	rm -rf $(VENV) $(ENGINE_VENVS) $(SANITIZE_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
