#!/usr/bin/env bash
# Installs kubectl oauthtoken below PREFIX, by default ~/.local: install-plugin.sh [FOLDER]
# FOLDER contains a program that is already built. Without FOLDER the script compiles the native program.
#   PREFIX/lib/kubectl-oauthtoken           the program
#   PREFIX/bin/kubectl-oauthtoken           a link to it; kubectl finds this on PATH
#   PREFIX/bin/kubectl_complete-oauthtoken  kubectl runs this for shell completion
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

built=${1:+$(cd "$1" && pwd)}
prefix=${PREFIX:-${HOME:?HOME is not set: set PREFIX}/.local}
mkdir -p "$prefix/bin" "$prefix/lib"
prefix=$(cd "$prefix" && pwd)
lib=$prefix/lib/kubectl-oauthtoken
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z $built ]]; then
  program=$(hack/native.sh kubectl-oauthtoken)
  built=$(dirname "$program")
fi
[[ -x $built/kubectl-oauthtoken ]] || die "there is no program kubectl-oauthtoken in $built"

# The new program replaces the old one only when the copy is complete. A failed build changes nothing, and running
# commands keep their files.
fresh=$(mktemp -d "$prefix/lib/kubectl-oauthtoken.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
cp -R "$built/." "$fresh"
chmod 755 "$fresh"
rm -rf "$lib"
mv "$fresh" "$lib"

ln -sfn ../lib/kubectl-oauthtoken/kubectl-oauthtoken "$prefix/bin/kubectl-oauthtoken"
printf '#!/bin/sh\nexec %q __complete "$@"\n' "$lib/kubectl-oauthtoken" >"$prefix/bin/kubectl_complete-oauthtoken"
chmod 755 "$prefix/bin/kubectl_complete-oauthtoken"

say "installed $prefix/bin/kubectl-oauthtoken"
case ":$PATH:" in
  *":$prefix/bin:"*) say "try: kubectl oauthtoken status -A" ;;
  *) say "$prefix/bin is not on PATH, so kubectl does not find it yet; to add it: export PATH=\"\$PATH:$prefix/bin\"" ;;
esac
