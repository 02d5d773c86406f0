# Everything that can be done with this repository; `make` lists it.
# Nothing needs to be set up first: each target makes .venv/ and fetches servers when it needs them.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
RUN := .venv/bin/python
UV := .tools/uv-0.13.8

# Of `make replay`; empty leaves the default.
EXAMPLE ?=
USERS ?=
WORKERS ?=
# Of `make test`: pytest's own arguments, for example T='-k sweeper'.
T ?=
# Of `make proof-bars`; B is for its other options (B=--help lists them).
SEED ?=
B ?=
# Of `make sqs-conformance`: its options, for example C='--aws --region eu-central-1' (C=--help lists them).
C ?=
# Of `make chaos` and `make fuzz`, with SEED and T.
FULL ?=
REPEAT ?=
# Of `make deploy-templates`: settings, and the folder that templates go to.
SETTINGS ?=
OUT ?= build/templates
# Of `make lock`.
UPGRADE ?=
IMAGE ?= kafka-mysql-migration:dev

# Programs of this tree start hundreds of times in a run: what is compiled is kept, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help venv replay up down status logs reset check audit test test-unit mutants proof-bars chaos model sqs-conformance \
	bench lock image fuzz deploy-venv deploy-check deploy-templates clean

help: ## list the targets (this)
	@echo "make TARGET        STACK=docker or STACK=native says where servers come from"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1 \2/p' $(MAKEFILE_LIST) | while read -r target help; do \
		printf '  %-15s %s\n' "$$target" "$$help"; done

venv: ## make .venv/ from the lock; the other targets do it by themselves
	@$(PYTHON) -m local_stack.venv

replay: venv ## the main job: migrate an example and check every row; EXAMPLE=flights USERS=100000 WORKERS=4
	@$(RUN) -m replay run $(if $(EXAMPLE),--example $(EXAMPLE)) $(if $(USERS),--users $(USERS)) \
		$(if $(WORKERS),--workers $(WORKERS))

up: venv ## start MySQL, Kafka and SQS without Docker and leave them running
	@$(RUN) -m local_stack up

down: venv ## stop them; their data stay
	@$(RUN) -m local_stack down

status: venv ## say which of them answer, and why one does not
	@$(RUN) -m local_stack status

logs: venv ## show the end of their logs
	@$(RUN) -m local_stack logs

reset: venv ## stop them and remove their data; downloads stay
	@$(RUN) -m local_stack reset

check: venv ## format, lint, types, layers, unit tests: seconds, before every commit
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy .
	.venv/bin/lint-imports --no-cache
	$(RUN) -m pytest -q tests/unit

audit: venv ## look every locked package up among known vulnerabilities
	@code=0; for locks in "requirements.txt requirements-dev.txt" deploy/requirements.txt; do \
		$(RUN) .ci/audit.py $$locks || code=$$?; done; exit $$code

test: venv ## everything, on real servers: minutes, before every merge; T='-k sweeper' for some of it
	@$(RUN) -m local_stack fetch
	@$(RUN) -m pytest -q --numprocesses=4 --dist=loadfile --no-loadscope-reorder $(T)

test-unit: venv ## the rules alone: seconds, no server
	@$(RUN) -m pytest -q tests/unit $(T)

mutants: venv ## break each guarantee on purpose and show that a test goes red
	@$(RUN) -m tests.mutants

proof-bars: venv ## 10,000 corruptions and 50 kills each of verify, redrive, reload and cutover; SEED=2 B='--again'
	@$(RUN) -m tests.proof $(if $(SEED),--seed $(SEED)) $(B)

chaos: venv ## kill and cut off everything at once, and prove each run; FULL=1 up to the bar, SEED=7, T=recovery
	@$(RUN) -m tests.chaos $(if $(FULL),--full) $(if $(SEED),--seed $(SEED)) $(T)

fuzz: venv ## throw made-up bytes at every reader of foreign data; FULL=1 up to the bar, SEED=7, T=json, REPEAT=file
	@$(RUN) -m tests.fuzz $(if $(FULL),--full) $(if $(SEED),--seed $(SEED)) $(if $(REPEAT),--repeat $(REPEAT)) $(T)

model: venv ## try every order of events in small models of the protocol, and miss each guard that is left out
	@$(RUN) -m docs.model

sqs-conformance: venv ## hold the SQS server against what FIFO queues do at AWS; C='--aws --region eu-central-1'
	@$(RUN) -m tests.conformance $(C)

bench: venv ## rates, latency, requests and memory against direct loading, as a table and as JSON
	@$(RUN) -m benchmarks

deploy-venv: ## make deploy/.venv/ from the lock of the CDK app, which has its own
	@$(PYTHON) -m local_stack.venv deploy

deploy-check: deploy-venv ## the CDK app: synth, cdk-nag, cfn-lint, IAM lint, every promise; no account, no network
	@deploy/.venv/bin/python -m pytest -q deploy/tests

deploy-templates: deploy-venv ## write the templates of SETTINGS=my.yaml into OUT; without SETTINGS, the committed ones
	@if [ -n "$(SETTINGS)" ]; then deploy/.venv/bin/python -m deploy $(SETTINGS) $(OUT); else \
		for one in deploy/examples/*.yaml; do deploy/.venv/bin/python -m deploy $$one deploy/templates || exit; done; fi

lock: venv ## pin what pyproject.toml asks for, with hashes; UPGRADE=1 takes the newest of everything
	@[ -x $(UV)/bin/uv ] || $(RUN) -m pip install --quiet --disable-pip-version-check --target $(UV) uv==0.13.8
	@$(UV)/bin/uv pip compile -q pyproject.toml --universal --generate-hashes $(if $(UPGRADE),--upgrade) \
		--custom-compile-command "make lock" -o requirements.txt
	@$(UV)/bin/uv pip compile -q pyproject.toml --group dev --universal --generate-hashes $(if $(UPGRADE),--upgrade) \
		--custom-compile-command "make lock" -c requirements.txt -o requirements-dev.txt
	@$(UV)/bin/uv pip compile -q deploy/requirements.in --universal --python-version 3.11 --generate-hashes \
		$(if $(UPGRADE),--upgrade) --custom-compile-command "make lock" -o deploy/requirements.txt

image: ## build the image of all services; IMAGE=name:tag
	docker build -f docker/Dockerfile -t $(IMAGE) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

clean: ## stop the servers and remove all that was made or fetched
	@if [ -x $(RUN) ] && [ -d .stack ]; then $(RUN) -m local_stack reset; fi
	rm -rf .venv deploy/.venv .stack .tools build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
