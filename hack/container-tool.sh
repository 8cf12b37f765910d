#!/usr/bin/env bash
# Finds or downloads a tool for images and containers, and prints its path on stdout: container-tool.sh NAME
# NAME is skopeo, umoci, runc, docker-registry or qemu-aarch64-static. It takes the first of these: the value of
# TOKEN_OPERATOR_NAME (TOKEN_OPERATOR_SKOPEO, ...), PATH, the cache, Debian's package unpacked into the cache. Nothing is installed.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=${1:-}
case $name in
  skopeo | umoci | runc | docker-registry) package=$name ;;
  qemu-aarch64-static) package=qemu-user-static ;;
  *) die "there is no tool \"$name\": name skopeo, umoci, runc, docker-registry or qemu-aarch64-static" ;;
esac
variable=TOKEN_OPERATOR_${name^^}
program "$name" "$package" "${variable//-/_}"
