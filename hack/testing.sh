# shellcheck shell=bash
# Shared by test.sh, unit.sh and test-one.sh: builds test projects, runs them and adds up their results.
# Source it after lib.sh, in the root of the repository.

configuration=${CONFIGURATION:-Release}
results=artifacts/test-results
# A command that runs before `dotnet test`, such as nice.
run_with=()
# How much `dotnet test` prints.
verbosity=minimal
passed=0
failed=0

# Options for the quick build, which `make unit` and `make test-one` share.
quick=(--artifacts-path artifacts/quick)

# finish: prints the sums as the last line of stdout. Fails unless a test passed and none failed.
finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0 && passed > 0)) || exit 1
  exit 0
}

# give_up REASON: counts REASON as one failure and finishes.
give_up() {
  say "$*"
  failed=$((failed + 1))
  finish
}

require_dotnet() {
  command -v dotnet >/dev/null ||
    give_up "the .NET SDK is missing: install version $(sed -n 's/.*"version": "\([^"]*\)".*/\1/p' global.json) or newer (https://dot.net), so that 'dotnet' is on PATH"
}

# build_tests TARGET [OPTION...]: builds a project or a solution.
build_tests() {
  say "building $1 ($configuration)"
  compile build "$1" --configuration "$configuration" "${@:2}" --verbosity quiet || give_up "the build failed: see above"
}

# build_quickly PROJECT: builds without the analyzers. The quick build has its own folders: in the usual ones a later
# `make build` would find everything up to date and skip the analyzers too.
build_quickly() {
  build_tests "$1" "${quick[@]}" --property:RunAnalyzers=false
}

# count FILE NAME: prints a counter of a result file, or 0 if the file does not exist.
count() {
  local value
  value=$(sed -n "s/.*<Counters[^>]* $2=\"\([0-9]*\)\".*/\1/p" "$1" 2>/dev/null | head -n 1)
  printf '%s' "${value:-0}"
}

# run_tests PROJECT [OPTION...]: runs the tests of a project that is already built, and adds their results to the sums.
# A crashed test host counts as a failure, and so does a project that ran no test.
run_tests() {
  local name file status=0 project_failed
  name=$(basename "$1")
  file="$results/$name.trx"
  say "running $name"
  # A test that hangs for 5 minutes is reported by name.
  "${run_with[@]}" dotnet test "$1" --no-build --configuration "$configuration" "${@:2}" --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=$verbosity" \
    --blame-hang-timeout 5m --blame-hang-dump-type none || status=$?
  project_failed=$(($(count "$file" failed) + $(count "$file" error) + $(count "$file" timeout) + $(count "$file" aborted)))
  if ((status != 0 && project_failed == 0)); then
    say "$name ended with exit code $status, but no test failed: the test host crashed or hung (see above and $results)"
    project_failed=1
  elif (($(count "$file" total) == 0)); then
    say "$name ran no test"
    project_failed=1
  fi
  passed=$((passed + $(count "$file" passed)))
  failed=$((failed + project_failed))
}

# name_failures: lists the failed tests again, because their output is far above.
name_failures() {
  ((failed > 0)) || return 0
  sed -n 's/.*<UnitTestResult .*testName="\([^"]*\)".* outcome="Failed".*/FAILED \1/p' "$results"/*.trx >&2 2>/dev/null
  say "the results are in $results (trx); to run one test again: make test-one NAME=CLASS.METHOD"
}
