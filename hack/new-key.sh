#!/usr/bin/env bash
# Adds a new key to the Secret token-operator-keys of the current cluster, and creates the Secret if it does not exist:
# new-key.sh [--if-none]. With --if-none an existing Secret stays unchanged. The script never prints the key.
# LABELS=name=value,... adds labels to a Secret that it creates, for clusters whose policies demand some.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_kubectl
namespace=token-operator-system secret=token-operator-keys
# The key whose name sorts last is the current key. Timestamps sort by age.
id=$(date -u +%Y-%m-%d-%H%M%S)

# labels: prints LABELS as JSON.
labels() {
  local pair list="\"app.kubernetes.io/name\":\"token-operator\""
  for pair in ${LABELS//,/ }; do
    [[ $pair =~ ^[A-Za-z0-9][-A-Za-z0-9._/]*=[-A-Za-z0-9._]*$ ]] || die "LABELS has \"$pair\": expected name=value, separated by commas"
    list+=",\"${pair%%=*}\":\"${pair#*=}\""
  done
  printf '{%s}' "$list"
}
LABELS=${LABELS:-}
labels=$(labels)

# manifest: prints the Secret with 32 random bytes in base64. printf is a shell builtin, so the key is not visible in the
# arguments of a process.
manifest() {
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s","namespace":"%s","labels":%s},"type":"Opaque","data":{"%s":"%s"}}\n' \
    "$secret" "$namespace" "$labels" "$id" "$(head -c 32 /dev/urandom | base64)"
}

# A Secret that appears after this check is safe: kubectl create never replaces one.
found=$(kubectl get secret "$secret" --namespace "$namespace" --ignore-not-found --output name)
if [[ -z $found ]]; then
  manifest | kubectl create --filename - >&2
  say "created the key $id; keep a copy of it, separate from the backups of Postgres (docs/encryption.md)"
elif [[ ${1:-} != --if-none ]]; then
  # Each key has its own field manager, so a later key does not remove it.
  manifest | kubectl apply --server-side --field-manager "token-operator-key-$id" --filename - >&2
  say "added the key $id; the operator reads it within about two minutes: token-operator keys status"
fi
