#!/usr/bin/env bash
# Builds and runs the tests whose full name contains NAME, in both test projects: test-one.sh NAME
# The full name is NAMESPACE.CLASS.METHOD. Test assets are prepared only for tests that need them. The end-to-end tests
# run the operator of this build, unless TOKEN_OPERATOR_PROGRAM names another program. The last line of stdout is
# "N passed, N failed".
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/testing.sh
. hack/testing.sh

# The results list a parameterized test with its arguments. The filter takes only its name.
name=${1:-}
name=${name%%(*}
[[ -n $name ]] || die "no test was named; run: make test-one NAME=KeyringTests, or, for one method: make test-one NAME=KeyringTests.A_key_is_32_bytes_or_their_base64"
[[ $name =~ ^[A-Za-z0-9_.+]+$ ]] || die "\"$name\" is not part of a test's name: expected letters, digits, _ and . as in KeyringTests.A_key_is_32_bytes_or_their_base64"
require_dotnet
results=artifacts/quick/test-results
verbosity=normal
filter="FullyQualifiedName~$name"
rm -rf "$results"

# mentions PROJECT: whether its sources contain the last part of NAME. If they do not, the project need not be built.
mentions() {
  grep --recursive --quiet --ignore-case --fixed-strings --include='*.cs' --exclude-dir=bin --exclude-dir=obj -- "${name##*.}" "$1"
}

# list PROJECT FILTER: prints the full names of the tests that match FILTER.
list() {
  dotnet test "$1" --no-build --configuration "$configuration" "${quick[@]}" --list-tests --filter "$2" | sed -n 's/^    //p'
}

prepare_postgres() {
  TOKEN_OPERATOR_PG_BIN=$(hack/postgres.sh) || give_up "Postgres is not available: see above"
  export TOKEN_OPERATOR_PG_BIN
}

prepare_cluster() {
  KUBEBUILDER_ASSETS=$(hack/test-assets.sh) || give_up "etcd, kube-apiserver and kubectl are not available: see above"
  export KUBEBUILDER_ASSETS
}

found=
for project in tests/TokenOperator.Tests tests/TokenOperator.EndToEndTests; do
  mentions "$project" || continue
  build_quickly "$project"
  tests=$(list "$project" "$filter")
  [[ -n $tests ]] || continue
  found=yes
  if [[ $project == tests/TokenOperator.Tests ]]; then
    [[ -z $(list "$project" "$filter&Category=Postgres") ]] || prepare_postgres
  elif grep --quiet --invert-match '^TokenOperator\.EndToEndTests\.TestBed\.' <<<"$tests"; then
    prepare_postgres
    prepare_cluster
  fi
  run_tests "$project" "${quick[@]}" --filter "$filter"
done
[[ -n $found ]] || give_up "no test has \"$name\" in its full name (NAMESPACE.CLASS.METHOD)"
((passed + failed > 0)) || give_up "the tests that match \"$name\" were skipped: see above"
finish
