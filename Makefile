# Everything one does with this repository, by name. `make` alone lists it; GNU make 3.81 and a POSIX shell are enough.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PARTS    := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml *-service/pyproject.toml))
SERVICES := $(wildcard *-service)
LOCK     := requirements.lock
LOCKED   := $(SERVICES) loadtests
PYTHON   ?=
TAG      ?= dev
VENV     := .venv/bin/python
UV       := .venv/bin/uv
SHIPPED  := $(patsubst %,.venv/shipped/%/.installed,$(SERVICES))
COMPILE   = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-emit-index-annotation --custom-compile-command 'make lock' \
	$(addprefix --no-emit-package ,$(notdir $(PARTS)))
# What is measured is judged in a step of its own: slipcover 1.1 forgets what workers saw once it has compared it with a limit.
COVERAGE := $(if $(T),,-m slipcover --dont-wrap-pytest --json --out .coverage.json --fail-under 0)
# One more than there are cores, since tests wait as well.
WORKERS   = $(if $(T),0,$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1))
# What developers work with; `make check` looks at the house rules, and `make check-manifests` at the charts.
TOOLS    := libs/local-stack libs/observability loadtests/tests tests/observability
# Who names a path means all of it.
WHICH    := $(if $(T),-m "not large and not images and not cluster",$(addprefix --ignore ,$(TOOLS) tests/architecture tests/manifests))

# Where Python may not keep what it compiled, each process that a test starts compiles the services anew.
unexport PYTHONDONTWRITEBYTECODE

needs = command -v $(1) >/dev/null || { echo 'This needs $(1), which is not installed.' >&2; exit 1; }

# An environment that was copied or moved, or whose Python is gone, is built anew.
ifneq ($(shell test -x $(VENV) && cat .venv/.created 2>/dev/null),$(CURDIR))
.PHONY: .venv/.created
endif

##@ Run

.PHONY: run
run: .venv/.installed ## Start the pair on http://localhost:8080; PORT=9090 moves it
	@$(VENV) -m local_stack run

.PHONY: observe
observe: .venv/.installed ## Watch the running pair with Prometheus, every rule loaded; PORT=9091 moves it
	@$(VENV) -m observability observe $(if $(PORT),--port $(PORT))

.PHONY: pictures
pictures: .venv/.installed ## Draw the dashboards of the last 15 minutes that make observe has seen
	@$(VENV) -m observability pictures $(if $(PORT),--port $(PORT))

##@ Develop

.PHONY: setup
setup: .venv/.installed ## Install everything into .venv; every other target does so by itself
	@:

.PHONY: test
test: .venv/.installed ## Run the tests with coverage; T=path runs these alone
	@$(VENV) $(COVERAGE) -m pytest -n $(WORKERS) --maxprocesses=8 --no-loadscope-reorder $(WHICH) $(T)
	@$(if $(COVERAGE),$(VENV) -m slipcover --merge .coverage.json --out .coverage.json)
	@$(if $(COVERAGE),$(VENV) tests/branch_coverage.py)

.PHONY: test-tools
test-tools: .venv/.installed ## Run the tests of what developers work with: the local stack, dashboards and rules, load tests
	@$(VENV) -m pytest -n auto --maxprocesses=8 --no-loadscope-reorder $(TOOLS)

# One after the other, since each of them gives the machine enough to do.
.PHONY: test-resilience
test-resilience: .venv/.installed ## Run the tests that start, load or break whole services, which take minutes
	@$(VENV) -m pytest -n 0 -m resilience

.PHONY: test-large
test-large: .venv/.installed ## Run the tests that need two million rows
	@$(VENV) -m pytest -n 0 -m large items-service/tests

.PHONY: images-test
images-test: .venv/.installed ## Build both images and run them, and a whole release, confined as Kubernetes does
	@$(VENV) -m pytest -n 0 -m images tests/images

.PHONY: check
check: fmt-check lint types imports dead-code rules ## Check format, lint, types, imports, dead code and house rules

.PHONY: fmt
fmt: .venv/.installed ## Format the code and repair what lint can repair
	@$(VENV) -m ruff check --quiet --fix-only .
	@$(VENV) -m ruff format --quiet .

.PHONY: migration
migration: .venv/.installed ## Write a migration from the models: m="add a column"
	@test -n "$$m" || { echo 'Say what the migration does: make migration m="add a column"' >&2; exit 1; }
	@$(VENV) -m local_stack migration "$$m"

.PHONY: openapi
openapi: .venv/.installed ## Write each service's openapi.json, so that a review sees what changes for clients
	@for service in $(SERVICES); do \
		(cd $$service && ../$(VENV) -m "$$(echo $$service | tr - _)" openapi) > $$service/openapi.json.new || \
			{ rm -f $$service/openapi.json.new; exit 1; }; \
		mv $$service/openapi.json.new $$service/openapi.json; \
	done

.PHONY: observability
observability: .venv/.installed ## Write rules and dashboards from deploy/observability/slo.yaml
	@$(VENV) -m observability generate

.PHONY: manifests
manifests: .venv/.installed ## Write what the charts render to and the tables of their values, so that a review sees it
	@$(VENV) -m pytest --quiet -n 0 --renew tests/manifests/test_snapshots.py tests/manifests/test_readmes.py

# Each image installs what its part needs, as the lock of everything pins it.
.PHONY: lock
lock: .venv/.created ## Renew every requirements.lock after a change of dependencies; UPGRADE=1 takes the newest
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev pyproject.toml --output-file "$(LOCK)"
	@for image in $(LOCKED); do \
		mkdir -p "$(dir $(LOCK))$$image"; \
		$(COMPILE) --no-annotate --constraints "$(LOCK)" $$image/pyproject.toml \
			--output-file "$(dir $(LOCK))$$image/requirements.lock" || exit 1; \
	done

##@ Measure

.PHONY: load
load: .venv/.installed ## Load a pair, or TANDEM_URL, as people would: PROFILE=smoke, steady, ramp, spike or soak; fails when an objective does
	@$(VENV) -m loadtests --profile $(or $(PROFILE),smoke) --workers $(or $(N),0)

.PHONY: load-workers
load-workers: ## The same with N processes that generate the load
	@$(MAKE) --no-print-directory load N=$(or $(N),2)

.PHONY: capacity
capacity: .venv/.installed $(SHIPPED) ## Find the highest rate of each endpoint that meets its objectives, and the replicas for RATE=1000; KEEP=1 keeps the table
	@$(VENV) -m loadtests.capacity --rate $(or $(RATE),1000) $(if $(KEEP),--keep)

.PHONY: bench
bench: .venv/.installed $(SHIPPED) ## Compare what a request costs with the limit and with the guides' way; ONLY="items logins" a part, KEEP=1 keeps the result
	@$(VENV) -m loadtests.bench $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep)

##@ Deploy

.PHONY: images
images: ## Build both images with docker or podman; TAG=1.2.3 names them
	@engine=$$(command -v docker || command -v podman) || \
		{ echo 'Building images needs docker or podman, and neither is installed.' >&2; exit 1; }; \
	case $$engine in *podman) format=--format=docker ;; *) format= ;; esac; \
	for service in $(SERVICES); do \
		$$engine build $$format --build-arg "VERSION=$(TAG)" --build-arg "REVISION=$$(git rev-parse HEAD)" \
			--file $$service/Dockerfile --tag "$$service:$(TAG)" . || exit 1; \
	done

.PHONY: cluster
cluster: ## Make a local cluster with kind, or bring the images of TAG into the one that is there
	@$(call needs,kind)
	@$(MAKE) --no-print-directory images
	@kind get clusters 2>/dev/null | grep -qx tandem || kind create cluster --name tandem
	@kind load docker-image --name tandem $(addsuffix :$(TAG),$(SERVICES))

.PHONY: deploy
deploy: ## Install or upgrade the release in the current cluster; VALUES=file.yaml says what is other than on kind
	@$(call needs,helm)
	@helm upgrade --install tandem deploy/charts/tandem --namespace tandem --create-namespace --wait \
		$(foreach service,$(SERVICES),--set-string $(service).image.tag=$(TAG)) $(addprefix --values ,$(VALUES))

.PHONY: undeploy
undeploy: ## Remove the release; its secrets and volumes stay
	@$(call needs,helm)
	@helm uninstall tandem --namespace tandem --wait

# Into a namespace of its own, which goes when it ends. Nodes may be simulated, as kwok does, since nothing asks the pods.
.PHONY: rehearse-deploy
rehearse-deploy: .venv/.installed ## Install, upgrade, break, roll back and remove a release in the cluster of KUBECONFIG; TAG names the images
	@TAG=$(TAG) $(VENV) -m pytest -n 0 -m cluster tests/cluster

##@ Check one thing

.PHONY: fmt-check
fmt-check: .venv/.installed ## Check that the code is formatted
	@$(VENV) -m ruff format --quiet --check .

.PHONY: lint
lint: .venv/.installed ## Check the code with every rule of ruff
	@$(VENV) -m ruff check --quiet .

# Parts have test files of equal names, which one run of mypy refuses; the runs share one cache.
.PHONY: types
types: .venv/.installed ## Check the types of the code and of its tests
	@status=0; $(VENV) -m mypy --no-error-summary $(addsuffix /src,$(PARTS)) $(wildcard loadtests tests conftest.py deploy/charts/*/files/*.py) || status=1; \
	for part in $(PARTS); do \
		MYPYPATH=$$part $(VENV) -m mypy --no-error-summary $$(ls -d $$part/tests $$part/migrations 2>/dev/null) || status=1; \
	done; exit $$status

.PHONY: imports
imports: .venv/.installed ## Check that imports point down, as pyproject.toml says
	@.venv/bin/lint-imports --no-logo

# Imports and variables are left to ruff: vulture reads neither quoted annotations nor the fields of models.
.PHONY: dead-code
dead-code: .venv/.installed ## Find code that nothing uses
	@! $(VENV) -m vulture | grep -Ev ': unused (import|variable|attribute) '

.PHONY: rules
rules: .venv/.installed ## Check the house rules that no tool knows, and that locks and descriptions are current
	@$(VENV) -m pytest --quiet -n auto --maxprocesses=8 tests/architecture

# Its dependencies are pinned to old versions of ours, so it has an environment of its own. The case `bare` turns safety off on purpose.
CHECKOV := checkov==3.3.30
.PHONY: check-manifests
check-manifests: .venv/.installed ## Test the charts, and check what they render to with checkov, which is fetched the first time
	@$(VENV) -m pytest --quiet -n auto --maxprocesses=8 tests/manifests
	@$(UV) tool run --quiet --from $(CHECKOV) checkov --config-file deploy/charts/.checkov.yaml \
		$(addprefix --file ,$(filter-out %/bare.yaml,$(wildcard tests/manifests/snapshots/*.yaml)))

##@ Tidy up

.PHONY: clean
clean: ## Remove the environment, caches and reports; the local data stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .coverage.json .import_linter_cache .hypothesis
	@find . \( -name .git -o -name .tandem \) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-data
clean-data: ## Remove the local databases and accounts; stop the pair first
	@rm -rf .tandem

.PHONY: help
help: ## List what make can do
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-15s  %s\n", $$1, $$2 }' Makefile

# The files below say how far the installation came: each is written last, so an interrupted one starts again.

.venv/.installed: .venv/.created Makefile requirements.lock $(wildcard pyproject.toml $(addsuffix /pyproject.toml,$(PARTS)))
	@echo 'Installing the packages of requirements.lock into .venv ...'
	@$(UV) pip sync --quiet --compile-bytecode --python $(VENV) --require-hashes requirements.lock
	@$(UV) pip install --quiet --compile-bytecode --python $(VENV) --no-deps --no-build-isolation $(addprefix --editable ./,$(PARTS))
	@touch $@

# What is measured has the packages of its image and no others, with which it starts later and takes more memory.
.venv/shipped/%/.installed: %/requirements.lock %/pyproject.toml libs/service-chassis/pyproject.toml .venv/.created Makefile
	@echo 'Installing the packages of $< into $(@D) ...'
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(VENV) $(@D)
	@$(UV) pip sync --quiet --python $(@D) --require-hashes $<
	@PYTHONNODEBUGRANGES=1 $(@D)/bin/python -m compileall -q -b -o 2 -j 0 --invalidation-mode unchecked-hash $(@D)/lib
	@find $(@D)/lib -name '*.py' -delete
	@$(UV) pip install --quiet --python $(@D) --no-deps --offline --editable ./libs/service-chassis --editable ./$*
	@touch $@

# uv comes from the lock by its hashes. Debian splits Python: without python3-venv, an installed uv or pip does instead.
.venv/.created:
	@rm -rf .venv; python=; \
	for candidate in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11); do \
		"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { python=$$candidate; break; }; \
	done; \
	test -n "$$python" || { echo 'Tandem needs Python 3.11 or newer: install it, or name it with make PYTHON=path/to/python.' >&2; exit 1; }; \
	{ "$$python" -c 'import ensurepip' || uv --version || "$$python" -m pip --version; } >/dev/null 2>&1 || \
		{ echo "Tandem needs the venv module of $$python: install it (Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	echo "Creating .venv with $$("$$python" --version) ..."; \
	if "$$python" -c 'import ensurepip' 2>/dev/null; then \
		"$$python" -m venv .venv && set -- $(VENV) -m pip install; \
	elif uv --version >/dev/null 2>&1; then \
		uv venv --quiet --python "$$python" .venv && set -- uv pip install --python $(VENV); \
	else \
		"$$python" -m venv --without-pip .venv && set -- "$$python" -m pip --python $(VENV) install; \
	fi || exit 1; \
	awk '/^[^ ]/ { found = /^uv==/ } found' requirements.lock > .venv/uv.txt; \
	"$$@" --quiet --no-deps --require-hashes -r .venv/uv.txt
	@echo '$(CURDIR)' > $@
