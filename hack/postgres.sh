#!/usr/bin/env bash
# Finds or downloads a Postgres server for the tests, and prints the folder that contains initdb and postgres on stdout.
# It takes the first of these:
#   1. TOKEN_OPERATOR_PG_BIN, if set
#   2. PATH, then the newest version in /usr/lib/postgresql
#   3. for root: Debian's package, installed with apt-get. Postgres refuses to run as root, and other users cannot read
#      the cache of root
#   4. for other users: the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator), filled from Debian's package
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready="$cache/postgres"
work="$cache/postgres.work"
hint="install Postgres, or set TOKEN_OPERATOR_PG_BIN to the folder that contains initdb and postgres"

has_server() {
  [[ -x $1/initdb && -x $1/postgres ]]
}

# newest FOLDER: prints the bin folder of the newest version below FOLDER, in Debian's layout.
newest() {
  local folder found=
  while read -r folder; do
    if has_server "$folder"; then found=$folder; fi
  done < <(printf '%s\n' "$1"/*/bin | sort --version-sort)
  [[ -n $found ]] && printf '%s\n' "$found"
}

installed() {
  local program
  if program=$(command -v postgres) && has_server "$(dirname "$program")"; then
    dirname "$program"
  elif [[ -n $program ]] && has_server "$(dirname "$(readlink -f "$program")")"; then
    dirname "$(readlink -f "$program")"
  else
    newest /usr/lib/postgresql
  fi
}

fill_cache() {
  local bin program
  download_and_unpack postgresql "$work" "$hint"
  bin=$(newest "$work/tree/unpacked/usr/lib/postgresql") || die "Debian's package postgresql does not contain initdb and postgres: $hint"
  for program in "$bin"/*; do
    program=$(basename "$program")
    write_launcher "$work/tree/bin/$program" "$ready" "${bin#"$work/tree/unpacked"}/$program"
  done
  rm -rf "$ready"
  mv -T "$work/tree" "$ready"
}

if [[ -n ${TOKEN_OPERATOR_PG_BIN:-} ]]; then
  has_server "$TOKEN_OPERATOR_PG_BIN" ||
    die "TOKEN_OPERATOR_PG_BIN is $TOKEN_OPERATOR_PG_BIN, which does not contain both initdb and postgres: correct it or unset it"
  printf '%s\n' "$TOKEN_OPERATOR_PG_BIN"
elif found=$(installed); then
  printf '%s\n' "$found"
elif ((EUID == 0)); then
  command -v apt-get >/dev/null || die "this machine has neither Postgres nor apt-get: $hint"
  install_packages postgresql
  installed || die "postgresql is installed, but /usr/lib/postgresql does not contain initdb and postgres"
else
  if ! has_server "$ready/bin"; then
    lock postgres
    has_server "$ready/bin" || fill_cache
    rm -rf "$work"
  fi
  printf '%s\n' "$ready/bin"
fi
