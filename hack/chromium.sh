#!/usr/bin/env bash
# Finds Debian's Chromium and its driver for the tests of pages, or installs them where root may, and prints the driver's
# path (on stdout, alone). Without root it says what is missing: a browser is more than can be unpacked into a folder.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if command -v chromedriver; then
  exit
elif ((EUID == 0)) && command -v apt-get >/dev/null; then
  say "no Chromium on this machine: apt-get install chromium chromium-driver"
  { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends chromium chromium-driver; } >&2 </dev/null ||
    die "apt-get could not install chromium and chromium-driver: see above"
  command -v chromedriver || die "chromium-driver is installed, but no chromedriver is on PATH"
else
  die "no Chromium on this machine: apt-get install chromium chromium-driver (as root)"
fi
