#!/usr/bin/env bash
# Applies config/default to the cluster of the current kubeconfig, with the image named, and makes a key to encrypt refresh
# tokens with when there is none: deploy.sh IMAGE [NAMESPACES]
# With NAMESPACES (names with commas between) it applies config/namespaced, for an operator that serves these alone.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=${1:-}
[[ -n $image ]] || die "which image? make deploy IMG=registry/name:tag"
[[ $image =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]*[A-Za-z0-9]$ ]] ||
  die "\"$image\" is not the name of an image: expected registry/name:tag, or registry/name@sha256:..."
command -v kubectl >/dev/null || die "kubectl is missing: install it, and point KUBECONFIG at the cluster"
kubectl get --raw /version >/dev/null </dev/null ||
  die "no cluster answers (above): point KUBECONFIG at yours, and see kubectl config current-context"
system=token-operator-system

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
    kubectl get namespace "$namespace" >/dev/null || die "nothing was changed: create the namespace $namespace first, or leave it out of NAMESPACES"
    mkdir "$overlay/$namespace" 2>/dev/null || die "NAMESPACES names $namespace twice"
    printf 'namespace: %s\nbases:\n  - %s\n' "$namespace" "../$config/namespaced/watched" >"$overlay/$namespace/kustomization.yaml"
    bases+=("$namespace")
  done
  [[ -n ${namespace:-} ]] || die "NAMESPACES is \"$1\": expected names of namespaces with commas between"
  sed "s/^  Namespaces:.*/  Namespaces: \"$1\"/" "$repository/config/namespaced/settings.yaml" >"$overlay/settings.yaml"
}

[[ -z ${2:-} ]] || restrict "${2// /,}"
{
  printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nbases:\n'
  printf '  - %s\n' "${bases[@]}"
  if [[ ${#resources[@]} != 0 ]]; then printf 'resources:\n' && printf '  - %s\n' "${resources[@]}"; fi
  printf 'images:\n  - name: token-operator\n    newName: %s\n    %s\n' "$name" "$reference"
} >"$overlay/kustomization.yaml"
# Rendered apart, so that what kustomize says is shown only where it fails: it calls the form outdated that kubectl 1.20 needs.
kubectl kustomize "$overlay" >"$overlay/all.yaml" 2>"$overlay/said.txt" || { cat "$overlay/said.txt" >&2; exit 1; }
kubectl apply --filename "$repository/config/manager/namespace.yaml"
"$repository/hack/new-key.sh" --if-none
kubectl apply --filename "$overlay/all.yaml"

# there KIND NAME [OUTPUT]: prints its name, or what OUTPUT asks for; nothing when the cluster does not have it.
there() {
  kubectl get "$1" "$2" --namespace "$system" --ignore-not-found --output "${3:-name}"
}

served=$(there configmap token-operator-settings 'jsonpath={.data.Namespaces}')
if [[ -z ${2:-} && -n $served ]]; then
  say "the operator still serves $served alone: to serve all, delete the ConfigMap token-operator-settings and then: kubectl rollout restart deployment/token-operator -n $system"
elif [[ -n ${2:-} && -n $(there clusterrolebinding token-operator) ]]; then
  say "the rights of an install for all namespaces are still there; to take them away: kubectl delete clusterrolebinding,clusterrole token-operator"
fi
if [[ -z $(there secret token-operator-postgres) ]]; then
  say "the pods wait for the Secret token-operator-postgres, which says where Postgres is (docs/install.md); for a trial: kubectl apply -k config/trial"
fi
say "to see that it runs: kubectl rollout status deployment/token-operator -n $system"
say "to have alerts and a dashboard, where the Prometheus operator runs: kubectl apply -k config/monitoring"
