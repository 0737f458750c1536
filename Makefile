PYTHON ?= python3
BIN := .venv/bin
# Where this is set (in containers, mostly), each of the processes that tests start would compile all of our code anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check e2e synth bench conformance clean infra package deploy

run: .venv/.local
	@$(BIN)/ocppgw up

test: .venv/.dev
	$(BIN)/pytest -m "not e2e" -n auto --dist worksteal
	@$(MAKE) e2e

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: .venv/.dev
	$(BIN)/pytest -m "e2e and not alone" -n 2 --dist loadfile
	$(BIN)/pytest -m "e2e and alone"

synth: .venv/.infra
	$(BIN)/python -m infra.app local $(or $(OPTIONS),dev)

package: .venv/.infra
	$(BIN)/python -m infra.wheels

# To the account and region of the environment; docs/deploy.md tells more. A TAG names one image for good.
TAG ?= $(shell git describe --always --dirty)

deploy: synth package
	$(BIN)/python -m infra.account --tag '$(TAG)'
	aws ecr get-login-password | docker login --username AWS --password-stdin "$$(cut -d/ -f1 build/image)"
	docker manifest inspect "$$(cat build/image)" >/dev/null 2>&1 || \
	    docker buildx build --platform linux/arm64 --provenance=false --push --tag "$$(cat build/image)" .
	aws cloudformation deploy --stack-name ocpp-gateway --template-file build/$(basename $(notdir $(or $(OPTIONS),dev))).template.json \
	    --s3-bucket "$$(cat build/bucket)" --parameter-overrides file://build/parameters.json \
	    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset
	aws cloudformation describe-stacks --stack-name ocpp-gateway --output table \
	    --query "Stacks[0].Outputs[?OutputKey=='GatewayAddressOutput'||contains(OutputKey,'FunctionUrl')].[OutputKey,OutputValue]"

conformance: .venv/.dev
	$(BIN)/python -m tests.conformance.table

bench: .venv/.dev
	$(BIN)/python -m bench
	$(BIN)/python -m bench.commands
	$(BIN)/python -m bench.imports

infra: .venv/.infra

# One lock file pins every extra; each stamp is one extra installed.
.venv/.local .venv/.dev .venv/.infra: .venv/.%: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; make PYTHON=python3.12 ...")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[local$(if $(filter-out local,$*),$(comma)$*)]'
	@touch $@

comma := ,

clean:
	rm -rf .venv .local
