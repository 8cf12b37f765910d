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
TOKEN_OPERATOR_OIDC_PROVIDER=$(hack/oidc-provider.sh) || give_up "oidc-provider is not available: see above"
TOKEN_OPERATOR_CEL=$(hack/cel.sh) || give_up "the evaluator of admission policies is not available: see above"
TOKEN_OPERATOR_HELM=$(hack/helm.sh) || give_up "Helm is not available: see above"
# Without a browser the tests that need one fail in CI and are skipped elsewhere.
hack/chromium.sh >/dev/null || say "the tests that need a browser are skipped: see above"
export KUBEBUILDER_ASSETS TOKEN_OPERATOR_PG_BIN TOKEN_OPERATOR_PGBOUNCER TOKEN_OPERATOR_PROMTOOL TOKEN_OPERATOR_HELM TOKEN_OPERATOR_OIDC_PROVIDER TOKEN_OPERATOR_CEL

rm -rf "$results"
mkdir -p "$results"
# compile_native: compiles both native programs, and writes the path of each to a file. On Debian and Ubuntu it also builds the
# image, and then makes a release in another folder, for the tests that compare both images and use the release. Last, it builds the
# operators of earlier releases, for the tests of upgrades.
compile_native() {
  local status=0 version
  hack/native.sh token-operator >"$results/native-operator" || status=1
  hack/native.sh kubectl-oauthtoken >"$results/native-plugin" || status=1
  if command -v apt-get >/dev/null; then
    hack/image.sh >"$results/image" || status=1
    hack/rebuild.sh >"$results/release" || status=1
  fi
  for version in $(sed -n 's/^\([0-9][^ ]*\) .*/\1/p' hack/releases); do
    hack/earlier.sh "$version" >/dev/null || say "the tests of the upgrade from $version are SKIPPED: see above"
  done
  return "$status"
}

# The end-to-end tests run the program that the image contains, and the plugin that users install. They compile during the
# build and the unit tests, which run at a lower priority. They have their own process group, so the trap below ends all
# of it.
set -m
compile_native &
native=$!
set +m
trap 'kill -- "-$native" 2>/dev/null' EXIT

build_tests TokenOperator.sln

# use_native: waits for the native programs and passes them to the tests. If one is missing, the run fails in CI.
use_native() {
  local status=0
  wait "$native" || status=$?
  trap - EXIT
  TOKEN_OPERATOR_PROGRAM=$(<"$results/native-operator")
  TOKEN_OPERATOR_PLUGIN=$(<"$results/native-plugin")
  TOKEN_OPERATOR_IMAGE=$(cat "$results/image" 2>/dev/null)
  TOKEN_OPERATOR_RELEASE=$(cat "$results/release" 2>/dev/null)
  export TOKEN_OPERATOR_PROGRAM TOKEN_OPERATOR_PLUGIN TOKEN_OPERATOR_IMAGE TOKEN_OPERATOR_RELEASE
  ((status != 0)) || return 0
  [[ -z ${CI:-} ]] || give_up "a native program could not be built: see above"
  say "the end-to-end tests run a program of this build instead of the native one: see above"
}

# choose_container_tests: leaves out the tests of the image and of containers on a machine that cannot run them, and says so. In CI
# nothing is left out: they fail there, with the reason.
choose_container_tests() {
  end_to_end=()
  [[ -z ${CI:-} ]] || return 0
  if [[ -z $TOKEN_OPERATOR_IMAGE ]]; then
    say "the tests of the image are SKIPPED: there is no image (see above, or use Debian or Ubuntu)"
    end_to_end=(--filter "Category!=Container&Category!=Image")
  elif ((EUID != 0)); then
    say "the tests in containers are SKIPPED: runc needs root to run them as the Deployment does"
    end_to_end=(--filter "Category!=Container")
  fi
}

run_with=(nice)
run_tests tests/TokenOperator.Tests
use_native
run_with=()
choose_container_tests
run_tests tests/TokenOperator.EndToEndTests "${end_to_end[@]}"
name_failures
finish
