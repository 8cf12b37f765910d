#!/usr/bin/env bash
# Makes a release of what is in this folder, in a fresh clone elsewhere, and prints the folder with its files: rebuild.sh
# The tests compare its image with the one of hack/image.sh, and use its files.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
# With what is not committed yet.
git ls-files --cached --others --exclude-standard | while IFS= read -r file; do [[ ! -e $file ]] || printf '%s\n' "$file"; done |
  tar --create --files-from - | tar --extract --directory "$clone"
REVISION=$(revision)
SOURCE_DATE_EPOCH=$(commit_time)
export REVISION SOURCE_DATE_EPOCH
unset PLATFORMS
export IMAGE_REPOSITORY=registry.example.com/token-operator
DOWNLOADS=https://downloads.example.com/token-operator/$(version)
export DOWNLOADS
# Right after a release, the changelog says nothing about the next version.
sed -i '0,/^## \[Unreleased\]$/s//&\n\n- What is tested./' "$clone/CHANGELOG.md"
(cd "$clone" && git init --quiet && git add --all && git -c user.name=test -c user.email=test@example.com commit --quiet --message "What is tested")
release=$("$clone/hack/release.sh" "$(version)")
rm -rf artifacts/release-tested
cp -R --preserve=timestamps "$release" artifacts/release-tested
printf '%s\n' "$PWD/artifacts/release-tested"
