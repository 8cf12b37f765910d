#!/usr/bin/env bash
# Renews hack/image/base.lock: the Debian packages of the image, and the linker and C libraries that its programs are linked
# with. Run it for security updates of these packages, and commit the file. apt checks the signatures of Debian's package lists.
# It also renews hack/image/dotnet.lock and hack/plugin.lock: the NuGet packages of .NET itself, which are in no
# packages.lock.json. Run it after you raise NativeCompilerVersion or LoggingGeneratorVersion in Directory.Packages.props.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh
# shellcheck source=hack/locked.sh
. hack/locked.sh

release=bookworm
# The image: the libraries of the program, certificate authorities, and /etc/os-release, by which scanners know Debian.
image=(base-files ca-certificates libc6 libssl3)
# The linker with the libraries that it needs. It runs on the machine that builds.
tools=(clang-14 libbsd0 libc6 libclang-cpp14 libedit2 libffi8 libgcc-s1 libicu72 libllvm14 liblzma5 libmd0 libstdc++6 libtinfo6 libxml2
  libz3-4 lld-14 zlib1g)
# The C library of the image, to link with.
sysroot=(libc6 libc6-dev libgcc-12-dev libgcc-s1)

# shellcheck source=/dev/null
[[ $(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}") == "debian $release" ]] ||
  die "this machine's apt does not read the package lists of Debian $release: run this on Debian $release, for example in the container image debian:$release"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
private_apt "$work/apt"
cat >>"$work/apt/apt.conf" <<'CONF'
APT::Architectures { "amd64"; "arm64"; };
Dir::State::status "/dev/null";
CONF
apt_get update || die "the package lists could not be read: see above"

# write_lines USE ARCHITECTURE PACKAGE...: a line for the newest version of each package.
write_lines() {
  local use=$1 architecture=$2 lines
  shift 2
  lines=$(apt_cache --option "APT::Architecture=$architecture" show --no-all-versions "$@" |
    awk -v use="$use" -v architecture="$architecture" '
      /^[A-Z][A-Za-z0-9-]*: / { value[$1] = $2 }
      /^$/ { print use, architecture, value["Package:"], value["Version:"], value["SHA256:"], value["Filename:"]; delete value }')
  (($(grep --count --extended-regexp '^[a-z]+ [a-z0-9]+ \S+ \S+ [0-9a-f]{64} pool/\S+$' <<<"$lines") == $#)) ||
    die "Debian $release does not have each of these packages once for $architecture: $*"
  printf '%s\n' "$lines"
}

# property NAME: a property of Directory.Packages.props.
property() {
  sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" Directory.Packages.props
}

# write_dotnet_line PACKAGE VERSION
write_dotnet_line() {
  printf '%s %s %s\n' "$1" "$2" "$(<"$packages/${1,,}/$2/${1,,}.$2.nupkg.sha512")"
}

{
  echo "# Written by make update-base. Use, architecture, package, version, SHA-256, path in Debian's archive."
  # An archive that keeps every state of Debian has these versions under this time.
  echo "snapshot $(date --utc +%Y%m%dT%H%M%SZ)"
  for architecture in amd64 arm64; do
    write_lines image "$architecture" "${image[@]}"
    write_lines tools "$architecture" "${tools[@]}"
    write_lines sysroot "$architecture" "${sysroot[@]}"
  done
} >"$work/base.lock"
# A renewal without a new version changes nothing.
if [[ -e $lock_file ]] && diff <(grep --invert-match '^snapshot ' "$lock_file") <(grep --invert-match '^snapshot ' "$work/base.lock") >&2; then
  say "$lock_file is up to date"
else
  cp "$work/base.lock" "$lock_file"
  say "$lock_file has changed: run make image and the tests, and commit it"
fi

packages=$(nuget_packages)
{
  echo "# Written by make update-base. NuGet package, version, SHA-512."
  for platform in linux-x64 linux-arm64; do
    dotnet restore src/TokenOperator --property:RuntimeIdentifier="$platform" --artifacts-path "$work/dotnet" --verbosity quiet >&2
    for package in Microsoft.AspNetCore.App.Runtime Microsoft.NETCore.App.Runtime.NativeAOT; do
      write_dotnet_line "$package.$platform" "$(property NativeCompilerVersion)"
    done
  done
  write_dotnet_line Microsoft.Extensions.Logging.Abstractions "$(property LoggingGeneratorVersion)"
} >"$work/dotnet.lock"
cmp --silent "$work/dotnet.lock" hack/image/dotnet.lock || { cp "$work/dotnet.lock" hack/image/dotnet.lock; say "hack/image/dotnet.lock has changed: commit it"; }
{
  echo "# Written by make update-base. NuGet package, version, SHA-512."
  for platform in osx-x64 osx-arm64 win-x64; do
    dotnet restore src/KubectlOAuthToken --property:RuntimeIdentifier="$platform" --property:Managed=true --artifacts-path "$work/dotnet" --verbosity quiet >&2
    for package in Microsoft.NETCore.App.Runtime Microsoft.NETCore.App.Host; do
      write_dotnet_line "$package.$platform" "$(property NativeCompilerVersion)"
    done
  done
} >"$work/plugin.lock"
cmp --silent "$work/plugin.lock" hack/plugin.lock || { cp "$work/plugin.lock" hack/plugin.lock; say "hack/plugin.lock has changed: commit it"; }
