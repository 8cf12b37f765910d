#!/usr/bin/env bash
# Builds the image once more in a copy of this folder elsewhere, and prints the path of its OCI image layout: rebuild-image.sh
# A test compares it with the one of hack/image.sh.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# Without .git: what it knows is passed on.
git ls-files --cached --others --exclude-standard | while IFS= read -r file; do [[ ! -e $file ]] || printf '%s\n' "$file"; done |
  tar --create --files-from - | tar --extract --directory "$copy"
REVISION=$(revision)
SOURCE_DATE_EPOCH=$(commit_time)
export REVISION SOURCE_DATE_EPOCH
built=$("$copy/hack/image.sh")
mkdir -p artifacts/image-again
cp "$built" artifacts/image-again/
printf '%s\n' "$PWD/artifacts/image-again/$(basename "$built")"
