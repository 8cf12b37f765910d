#!/usr/bin/env bash
# Finds Debian's Chromium and its driver for the browser tests, and prints the path of the driver on stdout. Root installs
# them if they are missing. Other users get an error, because a browser cannot run from an unpacked package.
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if command -v chromedriver; then
  exit
elif ((EUID == 0)) && command -v apt-get >/dev/null; then
  install_packages chromium chromium-driver
  command -v chromedriver || die "chromium-driver is installed, but chromedriver is not on PATH"
else
  die "Chromium is missing: apt-get install chromium chromium-driver (as root)"
fi
