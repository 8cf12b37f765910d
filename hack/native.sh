#!/usr/bin/env bash
# Compiles the native program of the image into artifacts/native and prints its path. Needs clang or gcc as the linker.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

command -v clang >/dev/null || command -v gcc >/dev/null ||
  die "the native program cannot be linked: neither clang nor gcc is installed (apt-get install clang)"
case $(uname -m) in
  x86_64) platform=linux-x64 ;;
  aarch64) platform=linux-arm64 ;;
  *) die "the native program is not available for $(uname -m)" ;;
esac
say "compiling the native program; this takes some minutes"
# Separate folders let it run at the same time as a build of the solution. That build runs the analyzers.
compile publish src/TokenOperator --configuration Release --runtime "$platform" \
  --artifacts-path artifacts/native-build --output artifacts/native --property:RunAnalyzers=false --verbosity quiet >&2
printf '%s\n' "$PWD/artifacts/native/token-operator"
