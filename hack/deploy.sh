#!/usr/bin/env bash
# Applies config/default to the cluster of the current kubeconfig, with the image named, and makes a key to encrypt refresh
# tokens with when there is none: deploy.sh IMAGE
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
cat >"$overlay/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - $(realpath --relative-to="$overlay" "$repository/config/default")
images:
  - name: token-operator
    newName: $name
    ${reference}
YAML
kubectl apply --filename "$repository/config/manager/namespace.yaml"
"$repository/hack/new-key.sh" --if-none
kubectl apply --kustomize "$overlay"
