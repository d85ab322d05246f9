# make help lists the targets. You need Python 3.11 or newer, git, the ssh client and make. The targets install the rest
# into .venv, including the servers for the tests, and build a control plane once into the user's cache. No test skips
# because a system package is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
DEPENDENCIES := $(VENV)/dependencies
INSTALLED := $(VENV)/installed

# The first of these that is new enough; make PYTHON=... selects another.
PYTHON ?= $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(python) -c 'import sys, venv, ensurepip; sys.version_info >= (3, 11) and print("$(python)")' 2>/dev/null)))

# local, kind, or empty: kind if a container engine answers, else local.
CLUSTER ?=
# A cluster to test on: only from make's command line, because tests delete objects.
ifeq ($(origin KUBECONFIG),command line)
export HEADGATE_TEST_KUBECONFIG := $(abspath $(KUBECONFIG))
endif
ifneq ($(CLUSTER),)
export HEADGATE_TEST_CLUSTER := $(CLUSTER)
endif
# How many processes run the tests of make test: one has those on the cluster, the others share the rest.
WORKERS ?= 2
# Additional arguments for pytest, the demo, the benchmark or the build of the image.
ARGS ?=
# The container engine, and the image's name without its tag, which is the version.
ENGINE ?= docker
IMAGE ?= headgate
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)

# For kubectl.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## List the targets
	@printf 'make TARGET [VARIABLE=...]\n\n'
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r target text; do \
		printf '  %-22s %s\n' "$$target" "$$text"; done
	@printf '\nVariables\n'
	@printf '  %-22s %s\n' \
		'CLUSTER=local|kind' 'which kind of test cluster (default: kind if a container engine answers, else local)' \
		'KUBECONFIG=FILE' 'test on this cluster instead (only from the command line)' \
		'ARGS=...' 'additional arguments for pytest, the demo, the benchmark or the image: make test-unit ARGS="-k semver -x"' \
		'WORKERS=2' 'how many processes run the tests of make test (0: one after the other, in this process)' \
		'IMAGE=NAME' 'the name of the container image, without a tag (default: headgate)' \
		'ENGINE=docker|podman' 'the container engine that builds and runs the image (default: docker)' \
		'PYTHON=...' 'the Python to create .venv with (3.11 or newer)'

# ---- set up

.PHONY: venv
venv: $(INSTALLED) ## Create .venv from the pinned, hashed constraints.txt and install Headgate into it

$(DEPENDENCIES): constraints.txt
	@test -n '$(PYTHON)' || { echo 'make: no Python 3.11 or newer with venv and ensurepip; name one: make PYTHON=... (Debian: apt-get install python3-venv)' >&2; exit 1; }
	@echo 'Creating $(VENV) with $(PYTHON): a minute the first time'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@touch $@

$(INSTALLED): $(DEPENDENCIES) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --disable-pip-version-check >/dev/null || { $(BIN)/python -m pip check; exit 1; }
	@touch $@

.PHONY: lock
lock: $(if $(wildcard $(INSTALLED)),,venv) ## Update constraints.txt from pyproject.toml (UPGRADE=1: also to newer versions)
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCK) --output-file constraints.txt
	$(BIN)/uv pip compile pyproject.toml --extra aws --extra azure --extra gcp --extra vault \
		--constraints constraints.txt $(LOCK) --output-file deploy/requirements.txt

LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

# ---- check

.PHONY: remedies
remedies: ## Write remedies.json from the tables of docs/guide/troubleshooting.md
	python3 hack/remedies.py

.PHONY: lint
lint: venv ## Ruff (rules and format), mypy --strict, the direction of imports, and the English of documents and code
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache | tail -n 1
	$(BIN)/python hack/prose.py --python

.PHONY: lint-commits
lint-commits: ## Subjects of commits have 72 characters at most: make lint-commits RANGE=main..HEAD
	@test -n '$(RANGE)' || { echo 'make lint-commits RANGE=A..B' >&2; exit 2; }
	$(or $(PYTHON),python3) hack/commit_subjects.py --range '$(RANGE)'

.PHONY: lint-workflows
lint-workflows: ## actionlint on .github/workflows and the examples for users (needs Go)
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yml \
		examples/ci/github/.github/workflows/*.yml

.PHONY: format
format: venv ## Format the code with ruff and fix what it can
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet

.PHONY: test
test: lint ## All checks and tests except make golden; the e2e tests run on a separate cluster
	$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadscope $(ARGS)

.PHONY: test-unit
test-unit: venv ## Unit and conformance tests, without a cluster
	$(BIN)/pytest tests --ignore=tests/e2e --ignore=tests/hostile $(ARGS)

.PHONY: test-e2e
test-e2e: venv ## Tests of the operator on a real API server: make test-e2e CLUSTER=local|kind
	$(BIN)/pytest tests/e2e tests/hostile $(ARGS)

.PHONY: test-hostile
test-hostile: venv ## Attacks by a tenant: none succeeds, and others' commits are live in 2 s (half an hour)
	$(BIN)/pytest tests/hostile
	$(BIN)/python tests/hostile/load.py $(ARGS)

.PHONY: test-page
test-page: venv ## The status page in Chromium: every page, changes in an open page, hostile texts, accessibility (a minute)
	$(BIN)/pytest tests/page tests/unit/page $(ARGS)

.PHONY: screenshots
screenshots: venv ## Take the pictures of the status page in docs/images (needs Chromium)
	PYTHONPATH=.:operator:hack $(BIN)/python -m tests.page.screenshots

.PHONY: test-gitea
test-gitea: venv ## The client for Gitea against Gitea itself, built once from its Go module (needs a C compiler)
	$(BIN)/pytest tests/gitea/against_gitea.py $(ARGS)

.PHONY: test-flux
test-flux: venv ## Headgate together with Flux's own controllers, built once from their Go modules (ten minutes, the first time an hour)
	$(BIN)/pytest tests/flux/against_*.py $(ARGS)

.PHONY: differential-long
differential-long: venv ## Compare our builds of many generated trees with kustomize's (minutes)
	$(BIN)/pytest tests/conformance -m 'slow or not slow' --hypothesis-profile=long $(ARGS)

.PHONY: fuzz
fuzz: venv ## The property tests with many more examples (minutes)
	$(BIN)/pytest tests --ignore=tests/e2e --ignore=tests/hostile -m hypothesis --hypothesis-profile=long $(ARGS)

.PHONY: model-long
model-long: venv ## Thousands of generated worlds of inventory and prune, with progress: make model-long ARGS="5000 1" (worlds, seed)
	$(BIN)/python -W ignore -m tests.model.explore $(ARGS)

.PHONY: golden
golden: venv ## Replay recorded traces of Flux against Headgate: make golden GOLDEN=DIR (with the harness, which is not part of this repository)
	@$(BIN)/python hack/golden.py $(if $(GOLDEN),--golden '$(GOLDEN)') $(ARGS)

.PHONY: bench
bench: venv ## Run a benchmark: make bench NAME=build
	@test -f 'tests/bench/$(NAME).py' || { echo 'make bench NAME=... one of:' \
		$$(cd tests/bench && ls *.py | sed 's/\.py$$//' | grep -v '^_') >&2; exit 2; }
	$(BIN)/python tests/bench/$(NAME).py $(ARGS)

# ---- try

.PHONY: demo
demo: venv ## Try it: the example fleet from nothing to Ready, then a promotion; Ctrl-C stops it
	@$(BIN)/python hack/demo.py $(ARGS)

.PHONY: cluster-up
cluster-up: venv ## Start a cluster for manual work; prints its kubeconfig
	@$(BIN)/python hack/cluster.py up

.PHONY: cluster-down
cluster-down: venv ## Stop that cluster, and whatever killed runs left behind
	@$(BIN)/python hack/cluster.py down

.PHONY: control-plane
control-plane: venv ## Build the local control plane into the cache, if it is not there (about ten minutes)
	$(BIN)/python hack/cluster.py build

# ---- release: docs/releasing.md

# All but manifests do with a bare Python, also one that cannot make a virtual environment.
RELEASE = PYTHONPATH=hack $(or $(PYTHON),python3) -m release

.PHONY: dist
dist: venv ## Build the sdist, and the wheel from it, into dist/
	@rm -f dist/headgate-*.tar.gz dist/headgate-*.whl
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/uv build --quiet --python $(BIN)/python --no-build-isolation

.PHONY: dist-check
dist-check: dist ## Install the wheel with the pinned dependencies of the image, and run it
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/python -m venv "$$folder"; \
	"$$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.txt; \
	"$$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps dist/headgate-$(VERSION)-*.whl; \
	"$$folder/bin/headgate" version; \
	"$$folder/bin/headgate" build examples/fleet-infra/apps/production >/dev/null; \
	cd "$$folder"; bin/python -c 'from headgate.page.html import assets, render; from headgate.page.views import problem; \
	assert "stylesheet" in render(problem(404, "")) and all(each.content for each in assets().values())'

.PHONY: image
image: ## Build the container image: make image [IMAGE=NAME] [ENGINE=podman]
	$(ENGINE) build --file deploy/Dockerfile --tag '$(IMAGE):$(VERSION)' $(ARGS) .

.PHONY: image-check
image-check: image ## Build the image and run it as a cluster does: read-only, without capabilities
	$(IMAGE_RUN) '$(IMAGE):$(VERSION)' version
	$(IMAGE_RUN) --entrypoint git '$(IMAGE):$(VERSION)' --version
	$(IMAGE_RUN) --entrypoint ssh '$(IMAGE):$(VERSION)' -V

IMAGE_RUN = $(ENGINE) run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --network none

.PHONY: manifests
manifests: venv ## Render what users install into dist/manifests: make manifests [IMAGE=NAME] [DIGEST=sha256:...]
	@PYTHONPATH=hack $(BIN)/python -m release manifests dist/manifests --image '$(IMAGE)' --digest '$(DIGEST)'

.PHONY: release-prepare
release-prepare: ## Set the version everywhere and date the changelog: make release-prepare TO=0.2.0
	@test -n '$(TO)' || { echo 'make release-prepare TO=0.2.0' >&2; exit 2; }
	@$(RELEASE) prepare '$(TO)'

.PHONY: release-check
release-check: ## Check that a tag fits the version and the changelog: make release-check TAG=v0.2.0
	@test -n '$(TAG)' || { echo 'make release-check TAG=v0.2.0' >&2; exit 2; }
	@$(RELEASE) check '$(TAG)'

.PHONY: release-notes
release-notes: ## Print the section of the changelog of this version
	@$(RELEASE) notes

.PHONY: clean
clean: ## Stop every cluster of this checkout and delete all build results (the control plane stays cached)
	@if test -d .state && test -x $(BIN)/python; then $(BIN)/python hack/cluster.py down --all; fi
	rm -rf $(VENV) .state build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis operator/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
