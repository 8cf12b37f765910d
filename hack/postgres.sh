#!/usr/bin/env bash
# Finds or fetches a Postgres server for the tests, and prints the folder with its initdb and postgres (on stdout,
# alone). Looked for in this order:
#   1. TOKEN_OPERATOR_PG_BIN, when it is set
#   2. PATH, then the newest version under /usr/lib/postgresql
#   3. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   4. Debian's packages: unpacked into the cache for an ordinary user; installed with apt-get for root, since
#      Postgres refuses to run as root and another user could not read root's cache
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready="$cache/postgres"
work="$cache/postgres.work"

has_server() {
  [[ -x $1/initdb && -x $1/postgres ]]
}

# newest FOLDER: the bin folder of the newest version under FOLDER, in Debian's layout.
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

unpack_into_cache() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/unpacked" "$work/tree/bin"
  private_apt "$work/apt" || die "no Postgres here, and no apt-get to fetch one: install it, or set TOKEN_OPERATOR_PG_BIN to the folder of its programs"
  say "no Postgres on this machine: fetching Debian's packages into $ready (once, nothing is installed)"
  apt_get update || say "some package lists could not be read; going on with the others"
  apt_get install --download-only --no-install-recommends postgresql || die "Debian's package postgresql cannot be had from this machine's apt sources"
  local deb bin program
  for deb in "$work"/apt/cache/archives/*.deb; do
    dpkg -x "$deb" "$work/tree/unpacked"
  done
  bin=$(newest "$work/tree/unpacked/usr/lib/postgresql") || die "Debian's packages hold no initdb and postgres"
  # The libraries that came along are found by their path, which only the finished folder has.
  for program in "$bin"/*; do
    program=$(basename "$program")
    cat >"$work/tree/bin/$program" <<SH
#!/bin/sh
root='$ready/unpacked'
LD_LIBRARY_PATH="\$root/usr/lib/$(uname -m)-linux-gnu:\$root/lib/$(uname -m)-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "\$root${bin#"$work/tree/unpacked"}/$program" "\$@"
SH
    chmod +x "$work/tree/bin/$program"
  done
  rm -rf "$ready"
  mv -T "$work/tree" "$ready"
}

if [[ -n ${TOKEN_OPERATOR_PG_BIN:-} ]]; then
  has_server "$TOKEN_OPERATOR_PG_BIN" ||
    die "TOKEN_OPERATOR_PG_BIN is $TOKEN_OPERATOR_PG_BIN, but initdb and postgres are not both there: correct it, or unset it"
  printf '%s\n' "$TOKEN_OPERATOR_PG_BIN"
elif found=$(installed); then
  printf '%s\n' "$found"
elif ((EUID == 0)); then
  command -v apt-get >/dev/null || die "no Postgres here, and no apt-get to fetch one: install it"
  say "no Postgres on this machine: apt-get install postgresql"
  { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends postgresql; } >&2 </dev/null ||
    die "apt-get could not install postgresql: see above"
  installed || die "postgresql is installed, but its initdb and postgres are not under /usr/lib/postgresql"
else
  if ! has_server "$ready/bin"; then
    lock postgres
    has_server "$ready/bin" || unpack_into_cache
    rm -rf "$work"
  fi
  printf '%s\n' "$ready/bin"
fi
