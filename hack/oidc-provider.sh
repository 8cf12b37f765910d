#!/usr/bin/env bash
# Prepares the npm package oidc-provider for the tests that need a provider with strict rotation, and prints the path of the
# script that starts it on stdout. It needs Node 20 or newer and npm. To use a prepared script, set
# TOKEN_OPERATOR_OIDC_PROVIDER to its path.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/oidc-provider" && pwd)
if [[ -n ${TOKEN_OPERATOR_OIDC_PROVIDER:-} ]]; then
  [[ -e $TOKEN_OPERATOR_OIDC_PROVIDER ]] || die "TOKEN_OPERATOR_OIDC_PROVIDER is $TOKEN_OPERATOR_OIDC_PROVIDER, which does not exist: correct it or unset it"
  printf '%s\n' "$TOKEN_OPERATOR_OIDC_PROVIDER"
  exit
fi

version=$(cat "$sources"/*.json "$sources/server.js" | sha256sum | cut -c 1-12)
ready="$cache/oidc-provider-$version"
if [[ ! -e $ready/server.js ]]; then
  command -v npm >/dev/null && command -v node >/dev/null ||
    die "Node or npm is missing: install Node 20 or newer, or set TOKEN_OPERATOR_OIDC_PROVIDER"
  lock oidc-provider
  if [[ ! -e $ready/server.js ]]; then
    work="$cache/oidc-provider.work"
    rm -rf "$work"
    mkdir -p "$work"
    cp "$sources"/*.json "$sources/server.js" "$work"
    say "downloading the npm packages of oidc-provider into the cache $cache; nothing is installed"
    (cd "$work" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund) >&2 </dev/null ||
      die "npm could not download the packages: see above"
    rm -rf "$ready"
    mv -T "$work" "$ready"
  fi
fi
printf '%s\n' "$ready/server.js"
