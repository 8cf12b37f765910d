#!/usr/bin/env bash
# Makes the archive of kubectl oauthtoken for one platform, and prints its path: plugin-archive.sh PLATFORM [FOLDER]
# PLATFORM is linux-amd64, linux-arm64, darwin-amd64, darwin-arm64 or windows-amd64. For Linux, the program is native. For the others,
# it is one file with the code and a .NET runtime, because a native one can be linked on such a machine only. FOLDER contains a
# program that is already built. The archive and its checksum go to artifacts/plugin, or to OUTPUT. The same commit always has the
# same archive.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

platform=${1:-}
built=${2:+$(cd "$2" && pwd)}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/locked.sh
. hack/locked.sh
# Exactly the locked packages.
export RestoreLockedMode=true
output=${OUTPUT:-artifacts/plugin}
mkdir -p "$output"
output=$(cd "$output" && pwd)
program=kubectl-oauthtoken
case $platform in
  linux-amd64) identifier=linux-x64 ;;
  linux-arm64) identifier=linux-arm64 ;;
  darwin-amd64) identifier=osx-x64 ;;
  darwin-arm64) identifier=osx-arm64 ;;
  windows-amd64) identifier=win-x64 program=kubectl-oauthtoken.exe ;;
  *) die "there is no platform \"$platform\": name linux-amd64, linux-arm64, darwin-amd64, darwin-arm64 or windows-amd64" ;;
esac

if [[ -z $built ]]; then
  if [[ $platform == linux-* ]]; then
    built=$(dirname "$(hack/native.sh kubectl-oauthtoken "$identifier")")
  else
    built=$PWD/artifacts/managed/$identifier
    say "building kubectl-oauthtoken with a .NET runtime for $identifier"
    rm -rf "$built"
    compile publish src/KubectlOAuthToken --configuration Release --runtime "$identifier" --property:Managed=true \
      --property:EnableSourceControlManagerQueries=false --property:SourceRevisionId="$(revision)" \
      --artifacts-path artifacts/managed-build --output "$built" --property:RunAnalyzers=false --verbosity quiet >&2
    check_dotnet "$identifier" hack/plugin.lock
  fi
fi
[[ -e $built/$program ]] || die "there is no program $program in $built"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$built/." "$work/"
cp LICENSE "$work/"
# The program of another platform does not run here.
"$work/$program" __release-files "$work" 2>/dev/null ||
  compile run --project src/KubectlOAuthToken --configuration Release --artifacts-path artifacts/managed-build --property:RunAnalyzers=false -- __release-files "$work" >&2
if [[ $platform != windows-* ]]; then
  printf '#!/bin/sh\n# kubectl runs this for shell completion.\nexec kubectl-oauthtoken __complete "$@"\n' >"$work/kubectl_complete-oauthtoken"
fi
find "$work" -type d -exec chmod 755 {} +
find "$work" -type f -exec chmod 644 {} +
find "$work" -maxdepth 1 \( -name "$program" -o -name kubectl_complete-oauthtoken \) -exec chmod 755 {} +

version=$(version)
archive=kubectl-oauthtoken_${version}_${platform/-/_}.tar.gz
time=$(commit_time)
(cd "$work" && tar --create --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime="@$time" -- *) |
  gzip --no-name --best >"$output/$archive"
(cd "$output" && sha256sum "$archive" >"$archive.sha256")
printf '%s\n' "$output/$archive"
