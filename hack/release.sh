#!/usr/bin/env bash
# Builds everything that a release consists of into artifacts/release, and prints this folder: release.sh VERSION
# It needs a clone without changes, on Debian or Ubuntu. The same commit, VERSION and variables always give the same bytes.
#   IMAGE_REPOSITORY  where people pull the image from, without a tag (required)
#   DOWNLOADS         where people download the files from (required)
#   PLATFORMS         platforms of the plugin, by default all of hack/plugin-archive.sh
# BUILDER_ID and SOURCE_URI are those of hack/provenance.cs. Nothing is published: docs/release.md says how to do that.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

all_platforms="linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64"
version=${1:-}
repository=${IMAGE_REPOSITORY:-}
downloads=${DOWNLOADS:-}
platforms=${PLATFORMS:-$all_platforms}

# notes_of HEADING: prints the section of CHANGELOG.md under "## [HEADING]", without the heading.
notes_of() {
  awk -v heading="## [$1]" '/^## \[|^\[[^]]*\]: / { inside = 0 } inside { print } index($0, heading) == 1 { inside = 1 }' CHANGELOG.md
}

# check: refuses what cannot become a release, before anything is built.
check() {
  local number='(0|[1-9][0-9]*)' identifier='(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)' commit changes platform
  [[ -n $version ]] || die "no version was given; run: make release VERSION=$(version)"
  [[ $version =~ ^$number\.$number\.$number(-$identifier(\.$identifier)*)?$ ]] ||
    die "\"$version\" is not a semantic version: expected one like 0.2.0 or 0.2.0-rc.1, without v before it and without +"
  [[ -n $repository && -n $downloads ]] ||
    die "IMAGE_REPOSITORY or DOWNLOADS is not set, and the chart, install.yaml and the krew manifest contain both: set them to where people will find the image and the files (docs/release.md)"
  [[ $repository =~ ^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$ ]] ||
    die "IMAGE_REPOSITORY is \"$repository\": expected registry/name without a tag, for example registry.example.com/token-operator"
  [[ $downloads == https://?* || $downloads == http://127.0.0.1* ]] || die "DOWNLOADS is \"$downloads\": expected an address that starts with https://"
  for platform in $platforms; do
    [[ " $all_platforms " == *" $platform "* ]] || die "PLATFORMS names \"$platform\": expected some of: $all_platforms"
  done
  [[ $(git rev-parse --show-toplevel 2>/dev/null) -ef . ]] || die "$PWD is not a clone of the repository: a release names its commit, so clone the repository and run this there"
  changes=$(git status --porcelain)
  [[ -z $changes ]] || die "the clone has changes that are not in the commit: commit them, or remove them with git stash --include-untracked:"$'\n'"$changes"
  commit=$(sed -n "s/^${version//./\\.} //p" hack/releases)
  [[ -z $commit ]] || die "$version was released from the commit $commit: choose a newer version, or check out that commit to build it again"
  notes=$(notes_of "$version")
  [[ $notes == *$'\n- '* ]] || notes=$(notes_of Unreleased)
  [[ $notes == *$'\n- '* ]] || die "CHANGELOG.md says nothing about $version: add a section \"## [$version] - DATE\" with a line for each change, or lines under \"## [Unreleased]\""
  command -v dpkg-deb >/dev/null && command -v apt-get >/dev/null || die "dpkg-deb or apt-get is missing: a release is built on Debian or Ubuntu"
}

# package_chart: writes the chart with the version and the address of the image. Helm checks and packs it, and tar packs it again with
# the time of the commit.
package_chart() {
  local helm chart=$work/charts/token-operator
  helm=$(hack/helm.sh)
  mkdir -p "$work/charts" "$work/packed"
  cp -R charts/token-operator "$work/charts/"
  replace "  repository: token-operator" "  repository: $repository" "$chart/values.yaml"
  replace "| \`image.repository\` | \`token-operator\` |" "| \`image.repository\` | \`$repository\` |" "$chart/README.md"
  "$helm" package "$chart" --version "$version" --app-version "$version" --destination "$work" >&2
  tar --extract --gzip --file "$work/token-operator-$version.tgz" --directory "$work/packed"
  find "$work/packed" -type d -exec chmod 755 {} +
  find "$work/packed" -type f -exec chmod 644 {} +
  tar --create --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --directory "$work/packed" token-operator |
    gzip --no-name --best >"$output/token-operator-$version.tgz"
}

# replace TEXT OTHER FILE: replaces the beginning of the only line of FILE that starts with TEXT.
replace() {
  local line found=0 text
  text=$(while IFS= read -r line; do
    [[ $line != "$1"* ]] || line=$2${line#"$1"}
    printf '%s\n' "$line"
  done <"$3")
  found=$(grep --count --fixed-strings -- "$2" <<<"$text" || true)
  [[ $found == 1 ]] || die "$3 has no single line that starts with \"$1\""
  printf '%s\n' "$text" >"$3"
}

# write_manifests OVERLAY FILE: writes all objects of config/OVERLAY with the version and the address of the image.
write_manifests() {
  local kubectl
  kubectl=$(hack/kubectl.sh)
  rm -rf "$work/manifests"
  mkdir -p "$work/manifests/install"
  cp -R config "$work/manifests/"
  cat >"$work/manifests/install/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../config/$1]
images: [{name: token-operator, newName: $repository, newTag: $version}]
labels: [{pairs: {app.kubernetes.io/version: $version}}]
YAML
  {
    printf '# TokenOperator %s, installed without Helm. The operator starts when the Secrets token-operator-postgres (key uri) and\n' "$version"
    printf '# token-operator-keys exist in the namespace token-operator-system: docs/install.md.\n'
    "$kubectl" kustomize "$work/manifests/install"
  } >"$output/$2"
}

write_notes() {
  local left_out="" platform
  for platform in $all_platforms; do
    [[ " $platforms " == *" $platform "* ]] || left_out+="${left_out:+, }$platform"
  done
  {
    printf '# TokenOperator %s\n\n' "$version"
    printf -- '- Image, for linux/amd64 and linux/arm64: `%s:%s`, with the digest `%s`\n' "$repository" "$version" "$digest"
    printf -- '- Files: %s\n' "$downloads"
    printf -- '- Commit: %s\n' "$REVISION"
    [[ -z $left_out ]] || printf -- '- The plugin was not built for %s.\n' "$left_out"
    printf '%s\n' "$notes"
  } >"$output/release-notes.md"
  [[ -z $left_out ]] || say "the plugin was not built for $left_out"
}

check
REVISION=$(revision)
SOURCE_DATE_EPOCH=$(commit_time)
export RELEASE_VERSION=$version REVISION SOURCE_DATE_EPOCH IMAGE_REPOSITORY=$repository DOWNLOADS=$downloads PLATFORMS=$platforms
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
output=$PWD/artifacts/release
rm -rf "$output"
mkdir -p "$output"

image=$(hack/image.sh)
cp "$image" artifacts/image/*.cdx.json "$output/"
digest=$(<artifacts/image/digest)
for platform in $platforms; do
  OUTPUT=$output hack/plugin-archive.sh "$platform" >&2
  case $platform in
    linux-*) identifier=${platform/amd64/x64} ;;
    darwin-*) identifier=${platform/darwin/osx} identifier=${identifier/amd64/x64} ;;
    windows-*) identifier=win-x64 ;;
  esac
  dotnet run --file hack/sbom.cs -- "src/KubectlOAuthToken/packages.$identifier.lock.json" "$output/kubectl-oauthtoken_${version}_${platform/-/_}.cdx.json" "$version"
done
hack/krew.sh "$output" "$downloads" >"$output/oauthtoken.yaml"
package_chart
write_manifests default install.yaml
write_manifests kubernetes-1.20 install-kubernetes-1.20.yaml
cp LICENSE "$output/"
write_notes
dotnet run --file hack/provenance.cs -- "$output/provenance.json" "$REVISION" "$SOURCE_DATE_EPOCH" "$repository@$digest" "$output"/*
(cd "$output" && sha256sum -- * >"$work/SHA256SUMS")
cp "$work/SHA256SUMS" "$output/"
find "$output" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
say "built $version from the commit $REVISION with the digest $digest; to check the files: cd $output && sha256sum --check SHA256SUMS"
printf '%s\n' "$output"
