#!/usr/bin/env bash
# Applies config/default to the cluster of the current kubeconfig, with the image named, and makes a key to encrypt refresh
# tokens with when there is none: deploy.sh IMAGE [NAMESPACES]
# With NAMESPACES (names with commas between) it applies config/namespaced, for an operator that serves these alone.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=${1:-}
[[ -n $image ]] || die "which image? make deploy IMG=registry/name:tag"
command -v kubectl >/dev/null || die "kubectl is missing: install it, and point KUBECONFIG at the cluster"

# The part after the last slash decides: a registry's port has a colon, too.
name=$image reference=
if [[ $image == *@* ]]; then
  name=${image%%@*} reference="digest: ${image#*@}"
elif [[ ${image##*/} == *:* ]]; then
  name=${image%:*} reference="newTag: \"${image##*:}\""
fi

# An overlay of its own: the files of the repository stay as they are. kustomize wants relative paths.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
config=$(realpath --relative-to="$overlay" "$repository/config")
bases=("$config/default") resources=()

# restrict NAMESPACES: the overlay is config/namespaced, with these namespaces in place of its example.
restrict() {
  local namespace
  bases=("$config/crds" "$config/rbac/own" "$config/manager" "$config/network-policy") resources=(settings.yaml)
  for namespace in ${1//,/ }; do
    [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || die "\"$namespace\" is not the name of a namespace"
    mkdir "$overlay/$namespace"
    printf 'namespace: %s\nbases:\n  - %s\n' "$namespace" "../$config/namespaced/watched" >"$overlay/$namespace/kustomization.yaml"
    bases+=("$namespace")
  done
  sed "s/^  Namespaces:.*/  Namespaces: \"$1\"/" "$repository/config/namespaced/settings.yaml" >"$overlay/settings.yaml"
}

[[ -z ${2:-} ]] || restrict "${2// /,}"
{
  printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nbases:\n'
  printf '  - %s\n' "${bases[@]}"
  if [[ ${#resources[@]} != 0 ]]; then printf 'resources:\n' && printf '  - %s\n' "${resources[@]}"; fi
  printf 'images:\n  - name: token-operator\n    newName: %s\n    %s\n' "$name" "$reference"
} >"$overlay/kustomization.yaml"
kubectl apply --filename "$repository/config/manager/namespace.yaml"
"$repository/hack/new-key.sh" --if-none
kubectl apply --kustomize "$overlay"
say "to have alerts and a dashboard, where the Prometheus operator runs: kubectl apply -k config/monitoring"
