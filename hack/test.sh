#!/usr/bin/env bash
# Runs all tests. The last line of stdout is "N passed, N failed", the sums of the result files. A crashed test host, a
# project that ran no test and a failed build each count as one failure.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/testing.sh
. hack/testing.sh

require_dotnet
KUBEBUILDER_ASSETS=$(hack/test-assets.sh) || give_up "etcd, kube-apiserver and kubectl are not available: see above"
TOKEN_OPERATOR_PG_BIN=$(hack/postgres.sh) || give_up "Postgres is not available: see above"
TOKEN_OPERATOR_PGBOUNCER=$(hack/pgbouncer.sh) || give_up "pgbouncer is not available: see above"
TOKEN_OPERATOR_PROMTOOL=$(hack/promtool.sh) || give_up "promtool is not available: see above"
# Without a browser the tests that need one fail in CI and are skipped elsewhere.
hack/chromium.sh >/dev/null || say "the tests that need a browser are skipped: see above"
export KUBEBUILDER_ASSETS TOKEN_OPERATOR_PG_BIN TOKEN_OPERATOR_PGBOUNCER TOKEN_OPERATOR_PROMTOOL

rm -rf "$results"
mkdir -p "$results"
# The end-to-end tests run the program that the image contains. It compiles during the build and the unit tests, which
# run at a lower priority. It has its own process group, so the trap below ends all of it.
set -m
hack/native.sh >"$results/native" &
native=$!
set +m
trap 'kill -- "-$native" 2>/dev/null' EXIT

build_tests TokenOperator.sln

# use_native: waits for the native program and passes it to the tests. Without it the run fails in CI.
use_native() {
  local status=0
  wait "$native" || status=$?
  trap - EXIT
  if ((status == 0)); then
    TOKEN_OPERATOR_PROGRAM=$(<"$results/native")
    export TOKEN_OPERATOR_PROGRAM
  elif [[ -n ${CI:-} ]]; then
    give_up "the native program could not be built: see above"
  else
    say "the end-to-end tests run the program of this build instead of the native one: see above"
  fi
}

run_with=(nice)
run_tests tests/TokenOperator.Tests
use_native
run_with=()
run_tests tests/TokenOperator.EndToEndTests
name_failures
finish
