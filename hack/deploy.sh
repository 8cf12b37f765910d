#!/usr/bin/env bash
# Applies config/default to the current cluster with the given image, and creates a key for the encryption of tokens if
# there is none: deploy.sh IMAGE [NAMESPACES]
# With NAMESPACES, a comma-separated list, it applies config/namespaced. The operator then serves only these namespaces.
# APPLY_OPTIONS are further options of kubectl apply (docs/install.md).
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

image=${1:-}
[[ -n $image ]] || die "no image was given; run: make deploy IMG=registry/name:tag"
[[ $image =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]*[A-Za-z0-9]$ ]] ||
  die "\"$image\" is not the name of an image: expected registry/name:tag, or registry/name@sha256:..."
require_kubectl
version=$(kubectl get --raw /version </dev/null) ||
  die "the cluster does not answer (see above); set KUBECONFIG to your kubeconfig, and check: kubectl config current-context"
system=token-operator-system settings=token-operator-settings

# Looks for the tag after the last slash, because the port of a registry has a colon too.
name=$image reference=
if [[ $image == *@* ]]; then
  name=${image%%@*} reference="digest: ${image#*@}"
elif [[ ${image##*/} == *:* ]]; then
  name=${image%:*} reference="newTag: \"${image##*:}\""
fi

# A temporary overlay leaves the files of the repository unchanged. kustomize requires relative paths.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
config=$(realpath --relative-to="$overlay" "$repository/config")
resources=("$config/default")
deployment="{group: apps, version: v1, kind: Deployment, name: token-operator, namespace: $system}"
patches=()

# restrict NAMESPACES: builds the overlay like config/namespaced, with these namespaces instead of its example.
restrict() {
  local namespace
  resources=("$config/crds" "$config/rbac/own" "$config/manager" "$config/network-policy")
  for namespace in ${1//,/ }; do
    [[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || die "\"$namespace\" is not the name of a namespace: expected lowercase letters, digits and -"
    kubectl get namespace "$namespace" >/dev/null || die "nothing was changed: create the namespace $namespace first, or remove it from NAMESPACES"
    mkdir "$overlay/$namespace" 2>/dev/null || die "NAMESPACES names $namespace twice"
    printf 'namespace: %s\nresources:\n  - %s\n' "$namespace" "../$config/namespaced/watched" >"$overlay/$namespace/kustomization.yaml"
    resources+=("$namespace")
  done
  [[ -n ${namespace:-} ]] || die "NAMESPACES is \"$1\": expected a comma-separated list of namespaces"
  sed "s/\"mail\"/\"$1\"/" "$repository/config/namespaced/namespaces.yaml" >"$overlay/namespaces.yaml"
  patches+=("path: namespaces.yaml" "target: $deployment")
}

namespaces=${2:-}
namespaces=${namespaces// /,}
[[ -z $namespaces ]] || restrict "$namespaces"
versions=$'\n'$(kubectl api-versions)$'\n'
# OpenShift assigns user and group IDs itself, and rejects pods that name others.
if [[ $versions == *$'\nsecurity.openshift.io/'* ]]; then
  cp "$repository/config/openshift/assigned-ids.yaml" "$overlay"
  patches+=("path: assigned-ids.yaml" "target: $deployment")
fi
if [[ $versions != *$'\npolicy/v1\n'* ]]; then
  cp "$repository/config/kubernetes-1.20/no-pod-disruption-budget.yaml" "$overlay"
  patches+=("path: no-pod-disruption-budget.yaml" "target: {kind: PodDisruptionBudget}")
fi
# As in the chart. Earlier versions of Kubernetes reject or ignore these fields.
minor=$(sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' <<<"$version")
if ((minor >= 31)); then
  cp "$repository/config/selectable-fields/fields.yaml" "$overlay"
  patches+=("path: fields.yaml" "target: {group: apiextensions.k8s.io, version: v1, kind: CustomResourceDefinition, name: oauthtokens.tokenoperator.dev}")
fi
{
  printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n'
  printf '  - %s\n' "${resources[@]}"
  printf 'components:\n  - %s\n' "$config/common"
  ((${#patches[@]} == 0)) || printf 'patches:\n'
  ((${#patches[@]} == 0)) || printf '  - %s\n    %s\n' "${patches[@]}"
  printf 'images:\n  - name: token-operator\n    newName: %s\n    %s\n' "$name" "$reference"
} >"$overlay/kustomization.yaml"
kubectl kustomize "$overlay" >"$overlay/all.yaml" || die "nothing was changed: see above; kubectl 1.24 or later is needed"

# lookup KIND NAME [OUTPUT]: prints the name of an object, or what OUTPUT selects; nothing if the object does not exist.
lookup() {
  kubectl get "$1" "$2" --namespace "$system" --ignore-not-found --output "${3:-name}"
}

[[ -n $(lookup namespace "$system") ]] || kubectl apply --filename "$repository/config/manager/namespace.yaml"
"$repository/hack/new-key.sh" --if-none
if [[ -n $(lookup deployment token-operator) && -z $(lookup deployment token-operator 'jsonpath={.spec.selector.matchLabels.app\.kubernetes\.io/instance}') ]]; then
  say "the Deployment selects its pods without the label app.kubernetes.io/instance. This cannot be changed, so the Deployment is created anew."
  kubectl delete deployment token-operator --namespace "$system"
fi
read -ra options <<<"${APPLY_OPTIONS:-}"
kubectl apply "${options[@]}" --filename "$overlay/all.yaml"

served=$(lookup configmap "$settings" 'jsonpath={.data.Namespaces}')
if [[ -z $namespaces && -n $served ]]; then
  say "the operator serves only $served, because the ConfigMap $settings says so; to serve all namespaces: kubectl patch configmap $settings -n $system --type merge -p '{\"data\":{\"Namespaces\":null}}' && kubectl rollout restart deployment/token-operator -n $system"
fi
# What an installation with another NAMESPACES has left. A release of the chart removes its own.
ours='app.kubernetes.io/name=token-operator,app.kubernetes.io/managed-by!=Helm'
if [[ -n $namespaces && -n $(kubectl get clusterrolebindings,clusterroles --selector "$ours" --output name) ]]; then
  say "the cluster still has the rights of an installation for all namespaces; to remove them: kubectl delete clusterrolebindings,clusterroles -l '$ours'"
fi
for namespace in $(kubectl get rolebindings,roles --all-namespaces --selector "$ours" --field-selector metadata.name=token-operator \
  --output 'jsonpath={range .items[*]}{.metadata.namespace}{"\n"}{end}' | sort --unique); do
  [[ ,$namespaces, == *,$namespace,* ]] ||
    say "the operator still has a Role in the namespace $namespace, which NAMESPACES does not name; to remove it: kubectl delete rolebinding,role token-operator -n $namespace"
done
if [[ -z $(lookup secret token-operator-postgres) ]]; then
  say "the pods wait for the Secret token-operator-postgres, which contains the address of Postgres (docs/install.md); for a trial: kubectl apply -k config/trial"
fi
say "to follow the rollout: kubectl rollout status deployment/token-operator -n $system"
say "to add alerts and a dashboard, if the cluster runs the Prometheus operator: kubectl apply -k config/monitoring"
