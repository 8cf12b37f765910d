#!/usr/bin/env bash
# Adds a fresh key to the Secret token-operator-keys of the current cluster, and makes the Secret when there is none:
# new-key.sh [--if-none]. With --if-none a Secret that is there stays as it is. The key is shown to nobody.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v kubectl >/dev/null || die "kubectl is missing: install it, and point KUBECONFIG at the cluster"
namespace=token-operator-system secret=token-operator-keys
# The key whose name comes last in order is current: a moment sorts as it passes.
id=$(date -u +%Y-%m-%d-%H%M%S)

# As the data of a Secret has it: 32 random bytes in base64. printf is of the shell, so no process has it as an argument.
manifest() {
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s","namespace":"%s"},"type":"Opaque","data":{"%s":"%s"}}\n' \
    "$secret" "$namespace" "$id" "$(head -c 32 /dev/urandom | base64)"
}

# Asked by name alone: kubectl create below never replaces one that comes meanwhile.
found=$(kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found --output name)
if [[ -z $found ]]; then
  manifest | kubectl create --filename - >&2
  say "made the key $id; keep a copy of it apart from the backups of Postgres (docs/encryption.md)"
elif [[ ${1:-} != --if-none ]]; then
  # A field manager of its own for each key, so that no later one takes it away.
  manifest | kubectl apply --server-side --field-manager "token-operator-key-$id" --filename - >&2
  say "added the key $id; the operator has it within about two minutes: token-operator keys status"
fi
