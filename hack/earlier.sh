#!/usr/bin/env bash
# Builds the operator of an earlier release for the tests of upgrades, and prints its folder: earlier.sh VERSION
# VERSION is in hack/releases. The folder has program/token-operator.dll, the chart in charts and the manifests in config. It is in
# the cache. The exit code is 3 if this clone does not have the commit of the release.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

version=${1:-}
commit=$(sed -n "s/^${version//./\\.} //p" hack/releases)
[[ -n $version && -n $commit ]] || die "there is no release \"$version\" in hack/releases"
ready="$cache/release-$version-${commit:0:12}"
if [[ ! -d $ready ]]; then
  if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
    say "the commit $commit of $version is not in the history of this folder; in a shallow clone run: git fetch --unshallow"
    exit 3
  fi
  lock "release-$version"
  if [[ ! -d $ready ]]; then
    work="$cache/release-$version.work"
    rm -rf "$work"
    mkdir -p "$work/source" "$work/tree"
    git archive "$commit" | tar --extract --directory "$work/source"
    say "building the operator of $version in the cache $cache; this runs once"
    unset RELEASE_VERSION
    (cd "$work/source" && compile build src/TokenOperator --configuration Release --artifacts-path "$work/build" \
      --property:RunAnalyzers=false --property:EnableSourceControlManagerQueries=false --property:SourceRevisionId="$commit" --verbosity quiet) >&2
    mv "$work/source/charts" "$work/source/config" "$work/tree/"
    mv "$work/build/bin/TokenOperator/release" "$work/tree/program"
    mv -T "$work/tree" "$ready"
    rm -rf "$work"
  fi
fi
printf '%s\n' "$ready"
