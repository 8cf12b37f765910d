#!/usr/bin/env bash
# Compiles a native program into artifacts/native/NAME and prints its path: native.sh [token-operator|kubectl-oauthtoken].
# Needs clang or gcc to link it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

command -v clang >/dev/null || command -v gcc >/dev/null ||
  die "the native program cannot be linked: neither clang nor gcc is installed (Debian, Ubuntu: apt-get install clang zlib1g-dev; Fedora: dnf install clang zlib-devel; macOS: xcode-select --install)"
case $(uname -sm) in
  "Linux x86_64") platform=linux-x64 ;;
  "Linux aarch64") platform=linux-arm64 ;;
  "Darwin x86_64") platform=osx-x64 ;;
  "Darwin arm64") platform=osx-arm64 ;;
  *) die "the native program is not available for $(uname -sm)" ;;
esac
name=${1:-token-operator}
case $name in
  token-operator) project=src/TokenOperator ;;
  kubectl-oauthtoken) project=src/KubectlOAuthToken ;;
  *) die "there is no program $name: name token-operator or kubectl-oauthtoken" ;;
esac
say "compiling the native program $name; this takes some minutes"
# Separate folders let it run at the same time as a build of the solution. That build runs the analyzers.
compile publish "$project" --configuration Release --runtime "$platform" \
  --artifacts-path artifacts/native-build --output "artifacts/native/$name" --property:RunAnalyzers=false --verbosity quiet >&2
printf '%s\n' "$PWD/artifacts/native/$name/$name"
