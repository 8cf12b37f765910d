#!/usr/bin/env bash
# Runs all tests. The last line of stdout is "N passed, N failed", summed from the result files; a test host that
# crashed, a project that ran no test and a build that failed each count as a failure.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=hack/lib.sh
. hack/lib.sh

configuration=${CONFIGURATION:-Release}
results=artifacts/test-results
projects=(tests/TokenOperator.Tests tests/TokenOperator.EndToEndTests)
passed=0
failed=0

finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0 && passed > 0)) || exit 1
  exit 0
}

give_up() {
  say "$*"
  failed=$((failed + 1))
  finish
}

# count FILE NAME: a counter of a result file, 0 when it is not there.
count() {
  local value
  value=$(sed -n "s/.*<Counters[^>]* $2=\"\([0-9]*\)\".*/\1/p" "$1" 2>/dev/null | head -n 1)
  printf '%s' "${value:-0}"
}

command -v dotnet >/dev/null ||
  give_up "the .NET SDK is missing: install version $(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' global.json) or newer (https://dot.net), so that 'dotnet' is on PATH"

KUBEBUILDER_ASSETS=$(hack/test-assets.sh) || give_up "etcd, kube-apiserver and kubectl could not be had: see above"
TOKEN_OPERATOR_PG_BIN=$(hack/postgres.sh) || give_up "Postgres could not be had: see above"
TOKEN_OPERATOR_PGBOUNCER=$(hack/pgbouncer.sh) || give_up "pgbouncer could not be had: see above"
TOKEN_OPERATOR_PROMTOOL=$(hack/promtool.sh) || give_up "promtool could not be had: see above"
# In CI the tests that need a browser fail without one; elsewhere they are skipped.
hack/chromium.sh >/dev/null || say "the tests that need a browser are skipped: see above"
export KUBEBUILDER_ASSETS TOKEN_OPERATOR_PG_BIN TOKEN_OPERATOR_PGBOUNCER TOKEN_OPERATOR_PROMTOOL

rm -rf "$results"
mkdir -p "$results"
# The end-to-end tests run what the image holds. It is compiled while all else is built and while the others run, which let it
# go first; a group of processes of its own, so that nothing of it is left when this ends early.
set -m
hack/native.sh >"$results/native" &
native=$!
set +m
trap 'kill -- "-$native" 2>/dev/null' EXIT

say "building ($configuration)"
DOTNET_GCgen0size=0x8000000 DOTNET_TieredPGO=0 dotnet build TokenOperator.sln --configuration "$configuration" --verbosity quiet ||
  give_up "the build failed: see above"

# Waits for it; in CI nothing else will do.
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
    say "the end-to-end tests run the program of the build instead of the native one: see above"
  fi
}

beside=(nice)
for project in "${projects[@]}"; do
  name=$(basename "$project")
  file="$results/$name.trx"
  if [[ $name == TokenOperator.EndToEndTests ]]; then
    use_native
    beside=()
  fi
  say "running $name"
  status=0
  # A test that hangs is reported by name after 5 minutes.
  "${beside[@]}" dotnet test "$project" --no-build --configuration "$configuration" --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
    --blame-hang-timeout 5m --blame-hang-dump-type none || status=$?
  project_failed=$(($(count "$file" failed) + $(count "$file" error) + $(count "$file" timeout) + $(count "$file" aborted)))
  if ((status != 0 && project_failed == 0)); then
    say "$name ended with exit code $status, but no test says why: its host crashed or hung (see above and $results)"
    project_failed=1
  elif (($(count "$file" total) == 0)); then
    say "$name ran no test at all"
    project_failed=1
  fi
  passed=$((passed + $(count "$file" passed)))
  failed=$((failed + project_failed))
done

if ((failed > 0)); then
  # What the tests said is far above by now.
  sed -n 's/.*<UnitTestResult .*testName="\([^"]*\)".* outcome="Failed".*/FAILED \1/p' "$results"/*.trx >&2
  say "the results lie in $results (trx); one test again: dotnet test --filter 'FullyQualifiedName~NAME'"
fi
finish
