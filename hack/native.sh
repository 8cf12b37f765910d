#!/usr/bin/env bash
# Publishes a native program to artifacts/native/NAME and prints its path: native.sh [token-operator|kubectl-oauthtoken].
# Needs clang or gcc to link it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

command -v clang >/dev/null || command -v gcc >/dev/null || {
  say "the native program cannot be linked: there is neither clang nor gcc (apt-get install clang)"
  exit 1
}
case $(uname -m) in
  x86_64) platform=linux-x64 ;;
  aarch64) platform=linux-arm64 ;;
  *)
    say "there is no native program for $(uname -m)"
    exit 1
    ;;
esac
name=${1:-token-operator}
case $name in
  token-operator) project=src/TokenOperator ;;
  kubectl-oauthtoken) project=src/KubectlOAuthToken ;;
  *) die "there is no program $name: name token-operator or kubectl-oauthtoken" ;;
esac
say "compiling the native program $name; this takes some minutes"
# In folders of its own, so that it can run beside a build, which also is what analyses the code. Compilers that may allocate
# 128 MB between two collections need a fifth less.
DOTNET_GCgen0size=0x8000000 DOTNET_TieredPGO=0 dotnet publish "$project" --configuration Release --runtime "$platform" \
  --artifacts-path artifacts/native-build --output "artifacts/native/$name" --property:RunAnalyzers=false --verbosity quiet >&2
printf '%s\n' "$PWD/artifacts/native/$name/$name"
