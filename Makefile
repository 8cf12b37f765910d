# The entry points of the project. `make help` lists the targets.

SOLUTION := TokenOperator.sln
CONFIGURATION ?= Release
# The version of `make release`.
VERSION ?=
# The image for `make push` and for the Deployment of `make deploy`.
IMG ?=
# A comma-separated list of namespaces for the operator of `make deploy`. If empty, it serves all namespaces.
NAMESPACES ?=

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.DEFAULT_GOAL := help
.PHONY: help build unit test test-one alerts prometheusrule soak demo run image push release update-base deploy new-key format audit sbom bench sizes test-assets dotnet install-plugin

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: dotnet ## Build all projects (CONFIGURATION=Release)
	dotnet build $(SOLUTION) --configuration $(CONFIGURATION)

unit: ## Build and run the unit tests that need no Postgres and no cluster (1 minute)
	@CONFIGURATION=$(CONFIGURATION) hack/unit.sh

test: ## Run all tests on a real API server and a real Postgres; the last line is "N passed, N failed"
	@CONFIGURATION=$(CONFIGURATION) hack/test.sh

test-one: ## Build and run one test or one class of either kind: make test-one NAME=KeyringTests
	@CONFIGURATION=$(CONFIGURATION) hack/test-one.sh "$$NAME"

alerts: dotnet ## Test the alerts with promtool, on the metrics of an operator under failures (2 minutes)
	@dotnet build tests/TokenOperator.EndToEndTests --configuration $(CONFIGURATION) --verbosity quiet
	@hack/with-test-assets.sh dotnet test tests/TokenOperator.EndToEndTests --no-build --configuration $(CONFIGURATION) --filter FullyQualifiedName~AlertTests

prometheusrule: ## Generate config/monitoring/prometheusrule.yaml from rules.yaml
	@hack/prometheusrule.sh >config/monitoring/prometheusrule.yaml

demo: dotnet ## Run a demo with its own API server, Postgres and provider (HOLD=1 keeps them running)
	@echo "Building the operator..." && dotnet build src/TokenOperator --configuration $(CONFIGURATION) --verbosity quiet
	@HOLD="$(HOLD)" hack/with-test-assets.sh dotnet run --configuration $(CONFIGURATION) --project tests/TokenOperator.TestBed -- demo

bench: dotnet ## Compare the operator with a minimal refresh loop (N=1000 OAuthTokens); the last line is one JSON object
	@N="$(N)" hack/with-test-assets.sh dotnet run --configuration Release --project tests/TokenOperator.Benchmarks

soak: dotnet ## Run two native replicas under random faults (MINUTES=20, SEED=N to repeat a run); the last line is one JSON object
	@TOKEN_OPERATOR_PROGRAM=$$(hack/native.sh) && export TOKEN_OPERATOR_PROGRAM && \
	  hack/with-test-assets.sh dotnet run --configuration Release --project tests/TokenOperator.TestBed -- soak --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

run: dotnet ## Run the operator against the current kubeconfig
	dotnet run --configuration $(CONFIGURATION) --project src/TokenOperator -- run

image: dotnet ## Build the image for amd64 and arm64 into artifacts/image, without a container engine (OCI layout; needs Debian or Ubuntu)
	@hack/image.sh

push: image ## Build the image and push it to a registry: make push IMG=registry/name:tag
	@hack/push.sh "$(IMG)"

release: dotnet ## Build a release from a clone without changes into artifacts/release (docs/release.md): make release VERSION=x.y.z
	@hack/release.sh "$(VERSION)"

update-base: dotnet ## Lock the newest Debian packages of the image and its linker (needs Debian 12)
	@hack/update-base.sh

deploy: ## Install into the current cluster (NAMESPACES=a,b for some namespaces only): make deploy IMG=registry/name:tag
	@hack/deploy.sh "$(IMG)" "$(NAMESPACES)"

new-key: ## Add a new key to the Secret token-operator-keys of the current cluster (LABELS=name=value,... for a new Secret)
	@hack/new-key.sh

install-plugin: dotnet ## Install kubectl oauthtoken below ~/.local (PREFIX=DIR for another folder)
	@PREFIX="$(PREFIX)" hack/install-plugin.sh

format: dotnet ## Format the code
	dotnet format $(SOLUTION)

audit: dotnet ## Check all packages for known vulnerabilities
	@hack/audit.sh

sbom: dotnet ## Write the software bill of materials to artifacts/sbom.cdx.json (CycloneDX 1.6)
	@dotnet restore src/TokenOperator --property:RuntimeIdentifier=linux-x64 --artifacts-path artifacts/native-build --verbosity quiet
	@mkdir -p artifacts && dotnet run --file hack/sbom.cs -- src/TokenOperator/packages.linux-x64.lock.json artifacts/sbom.cdx.json $$(bash -c '. hack/lib.sh && version')
	@echo artifacts/sbom.cdx.json

sizes: dotnet ## Measure memory and CPU for 100, 1,000 and 10,000 OAuthTokens, for the table in docs/install.md (an hour on an idle machine)
	@hack/sizes.sh

test-assets: ## Prepare etcd, kube-apiserver, kubectl and Postgres for the tests, and print their folders
	@hack/with-test-assets.sh sh -c 'echo "KUBEBUILDER_ASSETS=$$KUBEBUILDER_ASSETS"; echo "TOKEN_OPERATOR_PG_BIN=$$TOKEN_OPERATOR_PG_BIN"'

dotnet:
	@command -v dotnet >/dev/null || { echo "The .NET SDK is missing: install version $$(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' global.json) or newer (https://dot.net), so that 'dotnet' is on PATH." >&2; exit 1; }
