#!/usr/bin/env bash
# Installs kubectl oauthtoken below PREFIX, by default ~/.local: install-plugin.sh [FOLDER]
# FOLDER contains a program that is already built. Without FOLDER the script builds it.
#   PREFIX/lib/token-operator               the program
#   PREFIX/bin/kubectl-oauthtoken           kubectl finds this on PATH
#   PREFIX/bin/kubectl_complete-oauthtoken  kubectl runs this for shell completion
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

built=${1:+$(cd "$1" && pwd)}
prefix=${PREFIX:-${HOME:?HOME is not set: set PREFIX}/.local}
mkdir -p "$prefix/bin" "$prefix/lib"
prefix=$(cd "$prefix" && pwd)
lib=$prefix/lib/token-operator
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The new program replaces the old one only when it is complete. A failed build changes nothing, and running commands keep
# their files.
fresh=$(mktemp -d "$prefix/lib/token-operator.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
if [[ -n $built ]]; then
  cp -R "$built/." "$fresh"
else
  say "building; this takes a minute or two"
  dotnet publish src/TokenOperator --configuration Release --output "$fresh" --verbosity quiet >&2
fi
chmod 755 "$fresh"
rm -rf "$lib"
mv "$fresh" "$lib"

# command_file NAME WORDS...: creates PREFIX/bin/NAME, which runs the program with WORDS before its own arguments.
command_file() {
  local name=$1
  shift
  printf '#!/bin/sh\nexec %q %s "$@"\n' "$lib/token-operator" "$*" >"$prefix/bin/$name"
  chmod 755 "$prefix/bin/$name"
}
command_file kubectl-oauthtoken kubectl-oauthtoken
command_file kubectl_complete-oauthtoken kubectl-oauthtoken __complete

say "installed $prefix/bin/kubectl-oauthtoken"
case ":$PATH:" in
  *":$prefix/bin:"*) say "try: kubectl oauthtoken status -A" ;;
  *) say "$prefix/bin is not on PATH, so kubectl does not find it yet; to add it: export PATH=\"\$PATH:$prefix/bin\"" ;;
esac
