#!/usr/bin/env bash
# Installs kubectl oauthtoken for this user, or below PREFIX: the program into PREFIX/lib/token-operator, and into PREFIX/bin
# kubectl-oauthtoken, which kubectl finds on PATH, and kubectl_complete-oauthtoken, which kubectl asks for completion:
# install-plugin.sh [FOLDER]. FOLDER has the program built already; without it it is built here.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

built=${1:+$(cd "$1" && pwd)}
prefix=${PREFIX:-${HOME:?HOME is not set: set PREFIX}/.local}
mkdir -p "$prefix/bin" "$prefix/lib"
prefix=$(cd "$prefix" && pwd)
lib=$prefix/lib/token-operator
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Beside the old one and then in its place: a command that runs meanwhile keeps its files, and a failed build changes nothing.
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

# command_file NAME WORDS...: a file PREFIX/bin/NAME that runs the program with WORDS in front of its own.
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
  *) say "$prefix/bin is not on PATH, so kubectl does not find it yet; add it:  export PATH=\"\$PATH:$prefix/bin\"" ;;
esac
