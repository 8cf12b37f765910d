# Entry points for people. Each target says what it does in `make help`.

SOLUTION := TokenOperator.sln
CONFIGURATION ?= Release
# As it stands in Directory.Build.props.
VERSION = $(shell sed -n 's/.*<Version>\(.*\)<\/Version>.*/\1/p' Directory.Build.props)
# The image that `make deploy` puts into the Deployment.
IMG ?=
# The namespaces that it serves, with commas between; none for all.
NAMESPACES ?=

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.DEFAULT_GOAL := help
.PHONY: help build test alerts prometheusrule soak demo run deploy new-key format audit sbom bench test-assets dotnet install-plugin

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: dotnet ## Build everything (CONFIGURATION=Release)
	dotnet build $(SOLUTION) --configuration $(CONFIGURATION)

test: ## Run all tests on a real API server and a real Postgres; the last line is "N passed, N failed"
	@CONFIGURATION=$(CONFIGURATION) hack/test.sh

alerts: dotnet ## Test the alerts by promtool, on what an operator really exports while all goes wrong (2 minutes)
	@dotnet build tests/TokenOperator.EndToEndTests --configuration $(CONFIGURATION) --verbosity quiet
	@hack/with-test-assets.sh dotnet test tests/TokenOperator.EndToEndTests --no-build --configuration $(CONFIGURATION) --filter FullyQualifiedName~AlertTests

prometheusrule: ## Make config/monitoring/prometheusrule.yaml from rules.yaml
	@hack/prometheusrule.sh >config/monitoring/prometheusrule.yaml

demo: dotnet ## Show the operator at work, on parts that it starts itself (HOLD=1 keeps them up)
	@echo "Building the operator..." && dotnet build src/TokenOperator --configuration $(CONFIGURATION) --verbosity quiet
	@HOLD="$(HOLD)" hack/with-test-assets.sh dotnet run --configuration $(CONFIGURATION) --project tests/TokenOperator.TestBed -- demo

bench: dotnet ## Measure against the bare loop (N=1000); the last line is one JSON object
	@N="$(N)" hack/with-test-assets.sh dotnet run --configuration Release --project tests/TokenOperator.Benchmarks

soak: dotnet ## Run two replicas of the native program under random faults (MINUTES=20, SEED=n repeats one); the last line is one JSON object
	@TOKEN_OPERATOR_PROGRAM=$$(hack/native.sh) && export TOKEN_OPERATOR_PROGRAM && \
	  hack/with-test-assets.sh dotnet run --configuration Release --project tests/TokenOperator.TestBed -- soak --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

run: dotnet ## Run the operator against the current kubeconfig
	dotnet run --configuration $(CONFIGURATION) --project src/TokenOperator -- run

deploy: ## Apply config/default to the current cluster, with a key when it has none: make deploy IMG=registry/name:tag
	@hack/deploy.sh "$(IMG)" "$(NAMESPACES)"

new-key: ## Add a fresh key to the Secret token-operator-keys of the current cluster, and make it when there is none
	@hack/new-key.sh

install-plugin: dotnet ## Install kubectl oauthtoken for this user: below ~/.local, or PREFIX=
	@PREFIX="$(PREFIX)" hack/install-plugin.sh

format: dotnet ## Bring the code into the project's format
	dotnet format $(SOLUTION)

audit: dotnet ## Ask the package feed for known vulnerabilities of all packages
	@hack/audit.sh

sbom: dotnet ## Write what the operator is made of to artifacts/sbom.cdx.json (CycloneDX 1.6); the image has the same at /app
	@mkdir -p artifacts && dotnet run --file hack/sbom.cs -- src/TokenOperator/packages.linux-x64.lock.json artifacts/sbom.cdx.json $(VERSION)
	@echo artifacts/sbom.cdx.json

test-assets: ## Get etcd, kube-apiserver, kubectl and Postgres for the tests, and print where they are
	@hack/with-test-assets.sh sh -c 'echo "KUBEBUILDER_ASSETS=$$KUBEBUILDER_ASSETS"; echo "TOKEN_OPERATOR_PG_BIN=$$TOKEN_OPERATOR_PG_BIN"'

dotnet:
	@command -v dotnet >/dev/null || { echo "The .NET SDK is missing: install version $$(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' global.json) or newer (https://dot.net), so that 'dotnet' is on PATH." >&2; exit 1; }
