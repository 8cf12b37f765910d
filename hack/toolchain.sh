#!/usr/bin/env bash
# Prepares the linker and the C libraries that the native programs for Linux are linked with, and prints their folder. They are
# the packages of hack/image/base.lock, so each machine links the same bytes. Nothing is installed. The folder has
# bin/clang, bin/ld.lld, and a sysroot for each platform: linux-x64 and linux-arm64.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/locked.sh
. hack/locked.sh

case $(uname -sm) in
  "Linux x86_64") host=amd64 loader=lib64/ld-linux-x86-64.so.2 multiarch=x86_64-linux-gnu ;;
  "Linux aarch64") host=arm64 loader=lib/ld-linux-aarch64.so.1 multiarch=aarch64-linux-gnu ;;
  *) die "there is no linker for $(uname -sm)" ;;
esac
for program in apt-get dpkg-deb; do
  command -v "$program" >/dev/null || die "$program is missing: this needs Debian or Ubuntu"
done

version=$(cat hack/toolchain.sh <(grep --extended-regexp "^(tools $host|sysroot) " "$lock_file") | sha256sum | cut -c 1-12)
ready="$cache/toolchain-$version"

# unpack USE ARCHITECTURE FOLDER
unpack() {
  local file files
  mkdir -p "$3"
  files=$(locked_packages "$1" "$2")
  for file in $files; do
    dpkg-deb --extract "$file" "$3"
  done
}

# write_tool NAME PROGRAM: a launcher that uses the unpacked libraries, the C library included.
write_tool() {
  cat >"$work/bin/$1" <<SH
#!/bin/sh
tools='$ready/tools'
exec "\$tools/$loader" --library-path "\$tools/lib/$multiarch:\$tools/usr/lib/$multiarch:\$tools/usr/lib/llvm-14/lib" --argv0 "\$0" "\$tools/usr/lib/llvm-14/bin/$2" "\$@"
SH
  chmod +x "$work/bin/$1"
}

if [[ ! -d $ready ]]; then
  lock toolchain
  if [[ ! -d $ready ]]; then
    work="$cache/toolchain.work"
    rm -rf "$work"
    mkdir -p "$work/bin"
    say "preparing the linker in the cache $cache; nothing is installed"
    unpack tools "$host" "$work/tools"
    unpack sysroot amd64 "$work/linux-x64"
    unpack sysroot arm64 "$work/linux-arm64"
    write_tool clang clang
    write_tool ld.lld lld
    mv -T "$work" "$ready"
  fi
fi
printf '%s\n' "$ready"
