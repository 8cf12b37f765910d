#!/usr/bin/env bash
# Copies the image of make image to a registry, for both platforms: push.sh IMAGE [OCI-ARCHIVE]
# IMAGE is registry/name:tag. Credentials are those of `docker login` or `skopeo login`. As with Docker, a registry on a loopback
# address needs no TLS. Prints IMAGE with its digest.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/lib.sh
. "$here/lib.sh"

image=${1:-}
[[ -n $image ]] || die "no image was named; run: make push IMG=registry.example.com/token-operator:0.1.0"
[[ $image =~ ^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+:[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] ||
  die "\"$image\" is not registry/name:tag: correct IMG, for example registry.example.com/token-operator:0.1.0"
archive=${2:-}
if [[ -z $archive ]]; then
  archive=$(ls "$here"/../artifacts/image/token-operator-*.oci.tar 2>/dev/null) || die "there is no image in artifacts/image: run make image"
fi
options=()
[[ ! $image =~ ^(localhost|127\.[0-9.]+)(:[0-9]+)?/ ]] || options+=(--dest-tls-verify=false)
skopeo=$("$here/container-tool.sh" skopeo)
digest_file=$(mktemp)
trap 'rm -f "$digest_file"' EXIT
# The index and both platforms, unchanged, so that the digest stays the one that was signed.
"$skopeo" --insecure-policy copy --all --preserve-digests --digestfile "$digest_file" "${options[@]}" "oci-archive:$archive" "docker://$image" >&2 ||
  die "the image could not be pushed to $image: see above"
say "pushed $image"
printf '%s@%s\n' "${image%:*}" "$(<"$digest_file")"
