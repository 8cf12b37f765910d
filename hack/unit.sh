#!/usr/bin/env bash
# Builds and runs the unit tests that need no Postgres. It starts no cluster, compiles no native program and downloads no
# test assets. The last line of stdout is "N passed, N failed".
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/testing.sh
. hack/testing.sh

require_dotnet
results=artifacts/quick/test-results
rm -rf "$results"
build_quickly tests/TokenOperator.Tests
# Hides an installed Postgres: a test that needs it and lacks the trait fails on every machine.
export TOKEN_OPERATOR_PG_BIN=/nonexistent
run_tests tests/TokenOperator.Tests "${quick[@]}" --filter 'Category!=Postgres'
name_failures
finish
