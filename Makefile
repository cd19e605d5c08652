# airflow-provider-druid-reindex. `make` lists what can be made.
# Everything is installed into .venv; the sandbox keeps its state in .sandbox and its downloads in ~/.cache/druid-reindex.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
INSTALLED := $(VENV)/.installed
CORE := $(VENV)/core/.installed
CLI := $(BIN)/druid-reindex

export DRUID_REINDEX_HOME ?= $(CURDIR)/.sandbox
export PATH := $(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: aws-smoke help install nightly up ui down status test soak bench lint docs policies lock package test-core test-fast test-engines

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

install: $(INSTALLED) ## install the locked dependencies and the provider into .venv

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV)"
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip check --quiet
	@touch $@

nightly: $(INSTALLED) ## one real night on this machine, from set-up to summary
	@$(CLI) sandbox nightly

up: $(INSTALLED) ## start the sandbox: AWS account, Druid, Airflow
	@$(CLI) sandbox up

ui: $(INSTALLED) ## where Airflow's UI is and how to sign in
	@$(CLI) sandbox ui

status: $(INSTALLED) ## what of the sandbox is running
	@$(CLI) sandbox status

down: $(INSTALLED) ## stop the sandbox and wait until nothing of it is left
	@$(CLI) sandbox down

aws-smoke: $(INSTALLED) ## one synthetic night in your own account: make aws-smoke PIPELINE=... CONFIGS=...; asks first, takes all away
	@$(CLI) aws-smoke $(or $(PIPELINE),$(error name your pipeline of a *_smoke datasource: make aws-smoke PIPELINE=path/to/it.yaml)) --configs $(or $(CONFIGS),emr_configs) $(if $(YES),--yes)

lint: $(INSTALLED) ## format, lint, types, import law, shell scripts, templates
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	shellcheck emr_configs/bootstrap/*.sh emr_configs/cloudformation/*.sh
	cfn-lint emr_configs/cloudformation/*.yaml

FETCHED := .cache/fetched.log

test: $(INSTALLED) ## every test but soak and bench, with its own set-up; what the engines need is fetched meanwhile
	@mkdir -p $(dir $(FETCHED)); setsid python tests/fetch_ahead.py > $(FETCHED) 2>&1 & fetching=$$!; \
	trap 'kill -- -$$fetching 2> /dev/null; wait' EXIT HUP INT TERM; \
	$(MAKE) --no-print-directory lint test-core test-fast package && \
	{ wait $$fetching || cat $(FETCHED); } && \
	$(MAKE) --no-print-directory test-engines

PURE := $(addprefix tests/unit/,model plan posture quality evidence test_errors.py)

test-core: $(CORE) ## the pure rooms in an environment without Airflow, boto3 or httpx
	$(VENV)/core/bin/python -m pytest -q -p no:cacheprovider $(PURE)

$(CORE): $(INSTALLED)
	@uv venv --quiet --clear --python $(BIN)/python $(VENV)/core
	@uv pip install --quiet --python $(VENV)/core/bin/python -c requirements.lock cryptography deflate hyperscan jinja2 msgspec pydantic pypdf pyyaml reportlab pytest pytest-timeout hypothesis jsonschema
	@echo "$(CURDIR)/provider" > "$$($(VENV)/core/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/druid_reindex.pth"
	@touch $@

test-fast: $(INSTALLED) ## all other quick tests: unit, structure, DAG, contract
	python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not sandbox and not soak and not package" $(PURE:%=--ignore=%)

test-engines: $(INSTALLED) ## the tests on real engines: Druid, HDFS, YARN, PostgreSQL, Airflow
	python -m pytest -m "sandbox and not soak"

package: $(INSTALLED) ## wheel and sdist, installed into a clean environment beside Airflow
	python -m pytest -q -m package

soak: $(INSTALLED) ## matrices as whole nights (long; resumable)
	python -m pytest -m soak

bench: $(INSTALLED) ## benchmarks, each with a ratio to a peer or a limit
	@for file in tests/bench/bench_*.py; do echo "== $$file"; python "$$file" || exit 1; done

docs: $(INSTALLED) ## regenerate what the docs take from the code, and build the site, strictly
	@$(CLI) pipeline schema > docs/pipeline.schema.json
	@$(CLI) pipeline reference > docs/fields.md
	@$(CLI) evidence schema > docs/evidence.schema.json
	@NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict --config-file docs/mkdocs/mkdocs.yml
	@echo "the site: .cache/docs/index.html"

policies: $(INSTALLED) ## write emr_configs/iam anew from the templates in emr_configs/cloudformation
	@python tests/shipped_policies.py

lock: ## resolve requirements.lock anew
	uv pip compile pyproject.toml --extra openlineage --extra sandbox --group dev --generate-hashes --no-annotate --no-header --no-emit-index-url --universal --python-version 3.11 --quiet -o requirements.lock
