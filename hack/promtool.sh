#!/usr/bin/env bash
# Finds or fetches promtool, which tests the alerts, and prints its path (on stdout, alone). Looked for in this order:
#   1. TOKEN_OPERATOR_PROMTOOL, when it is set
#   2. PATH
#   3. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   4. Debian's package prometheus, unpacked into the cache; nothing is installed and nothing needs root
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ready="$cache/prometheus"
work="$cache/prometheus.work"

unpack_into_cache() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree"
  private_apt "$work/apt" || die "no promtool here, and no apt-get to fetch one: install Prometheus, or set TOKEN_OPERATOR_PROMTOOL to the program"
  say "no promtool on this machine: fetching Debian's package prometheus into $ready (once, nothing is installed)"
  apt_get update || say "some package lists could not be read; going on with the others"
  (cd "$work" && rm -f ./prometheus_*.deb && apt_get download prometheus) || die "Debian's package prometheus cannot be had from this machine's apt sources"
  dpkg -x "$work"/prometheus_*.deb "$work/tree"
  "$work/tree/usr/bin/promtool" --version >/dev/null 2>&1 || die "the promtool of Debian's package does not run here: install Prometheus, or set TOKEN_OPERATOR_PROMTOOL to the program"
  rm -rf "$ready"
  mv -T "$work/tree" "$ready"
}

if [[ -n ${TOKEN_OPERATOR_PROMTOOL:-} ]]; then
  [[ -x $TOKEN_OPERATOR_PROMTOOL ]] || die "TOKEN_OPERATOR_PROMTOOL is $TOKEN_OPERATOR_PROMTOOL, which is no program: correct it, or unset it"
  printf '%s\n' "$TOKEN_OPERATOR_PROMTOOL"
elif found=$(command -v promtool); then
  printf '%s\n' "$found"
else
  if [[ ! -x $ready/usr/bin/promtool ]]; then
    lock prometheus
    [[ -x $ready/usr/bin/promtool ]] || unpack_into_cache
    rm -rf "$work"
  fi
  printf '%s\n' "$ready/usr/bin/promtool"
fi
