#!/usr/bin/env bash
# Builds the operator's image for linux/amd64 and linux/arm64 into artifacts/image: image.sh [--rootfs ARCHITECTURE FOLDER]
# It needs neither a container engine nor a base image: the image is the native program with the Debian packages of
# hack/image/base.lock. Prints the path of the OCI image layout (tar). With --rootfs it unpacks the files of one platform's image
# into FOLDER instead, for the Dockerfile. The same commit and the same SDK always produce the same bytes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/locked.sh
. hack/locked.sh

# Exactly the locked packages.
export RestoreLockedMode=true
version=$(version)
# Everything in the image has one commit, even if another one is made during the build.
REVISION=$(revision)
SOURCE_DATE_EPOCH=$(commit_time)
export REVISION SOURCE_DATE_EPOCH
architectures=(amd64 arm64)
if [[ ${1:-} == --rootfs ]]; then
  [[ $# -eq 3 ]] || die "run: image.sh --rootfs ARCHITECTURE FOLDER"
  architectures=("$2")
fi
work=artifacts/image
rm -rf "$work"
mkdir -p "$work"

# prepare ARCHITECTURE: collects what the image of this platform contains in $work/ARCHITECTURE.
prepare() {
  local folder=$work/$1 platform=linux-${1/amd64/x64} program packages file name
  mkdir -p "$folder/app" "$folder/debian"
  program=$(hack/native.sh token-operator "$platform")
  cp "$program" "$folder/app/token-operator"
  packages=$(locked_packages image "$1")
  for file in $packages; do
    name=$(dpkg-deb --field "$file" Package)
    dpkg-deb --field "$file" >"$folder/debian/$name.control"
    dpkg-deb --fsys-tarfile "$file" >"$folder/debian/$name.tar"
  done
  dotnet run --file hack/sbom.cs -- "src/TokenOperator/packages.$platform.lock.json" "$folder/app/sbom.cdx.json" "$version" "$folder/debian"
}

platforms=()
for architecture in "${architectures[@]}"; do
  prepare "$architecture"
  platforms+=("$architecture=$work/$architecture")
done
output=$work/token-operator-$version.oci.tar
digest=$(dotnet run --file hack/image.cs -- "$output" "$version" "$REVISION" "$SOURCE_DATE_EPOCH" "${platforms[@]}")
if [[ ${1:-} == --rootfs ]]; then
  mkdir -p "$3" "$work/layout"
  tar --extract --file "$output" --directory "$work/layout"
  # The layers are the only blobs that gzip can read.
  for file in "$work"/layout/blobs/sha256/*; do
    ! gzip --test "$file" 2>/dev/null || tar --extract --gzip --file "$file" --directory "$3"
  done
  exit
fi
for architecture in "${architectures[@]}"; do
  cp "$work/$architecture/app/sbom.cdx.json" "$work/token-operator-$version-$architecture.cdx.json"
done
say "built $version for ${architectures[*]} with the digest $digest"
printf '%s\n' "$digest" >"$work/digest"
printf '%s\n' "$PWD/$output"
