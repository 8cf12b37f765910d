#!/usr/bin/env bash
# Compiles a native program into artifacts/native and prints its path: native.sh [token-operator|kubectl-oauthtoken [PLATFORM]].
# PLATFORM is linux-x64 or linux-arm64; by default that of this machine. On Debian and Ubuntu the program is the same, bit for
# bit, in each folder and on each machine with the same SDK, because hack/toolchain.sh links it. Elsewhere clang or gcc of this
# machine links it, for this machine only.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/locked.sh
. hack/locked.sh

case $(uname -sm) in
  "Linux x86_64") host=linux-x64 ;;
  "Linux aarch64") host=linux-arm64 ;;
  "Darwin x86_64") host=osx-x64 ;;
  "Darwin arm64") host=osx-arm64 ;;
  *) die "the native program is not available for $(uname -sm)" ;;
esac
name=${1:-token-operator}
platform=${2:-$host}
case $name in
  token-operator) project=src/TokenOperator ;;
  kubectl-oauthtoken) project=src/KubectlOAuthToken ;;
  *) die "there is no program $name: name token-operator or kubectl-oauthtoken" ;;
esac

options=()
if [[ $host == linux-* ]] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
  case $platform in
    linux-x64 | linux-arm64) ;;
    *) die "the native program cannot be compiled for $platform here: name linux-x64 or linux-arm64" ;;
  esac
  toolchain=$(hack/toolchain.sh)
  options+=("--property:Toolchain=$toolchain")
else
  [[ $platform == "$host" ]] || die "on $host the native program can be compiled for $host only; Debian and Ubuntu can compile for linux-x64 and linux-arm64"
  command -v clang >/dev/null || command -v gcc >/dev/null ||
    die "the native program cannot be linked: neither clang nor gcc is installed (Fedora: dnf install clang zlib-devel; macOS: xcode-select --install)"
fi
# The program names the commit that it was built from. It does not matter whether the folder is a clone.
options+=(--property:EnableSourceControlManagerQueries=false "--property:SourceRevisionId=$(revision)")

say "compiling the native program $name for $platform; this takes some minutes"
# Separate folders let it run at the same time as a build of the solution. That build runs the analyzers.
compile publish "$project" --configuration Release --runtime "$platform" "${options[@]}" \
  --artifacts-path artifacts/native-build --output "artifacts/native/$platform/$name" --property:RunAnalyzers=false --verbosity quiet >&2
[[ $platform != linux-* ]] || check_dotnet "$platform"
printf '%s\n' "$PWD/artifacts/native/$platform/$name/$name"
