# shellcheck shell=bash
# What hack/image/base.lock and hack/image/dotnet.lock name. Source it after lib.sh, in the root of the repository.

lock_file=hack/image/base.lock

# archives: prints the addresses of Debian archives to try: those of DEBIAN_ARCHIVES, then those of this machine's apt.
archives() {
  tr -s ' ' '\n' <<<"${DEBIAN_ARCHIVES:-}" | grep . || true
  { apt-get update --print-uris 2>/dev/null || true; } | sed -n "s|^'\(.*\)/dists/.*|\1|p" | sort --unique
}

# locked_packages USE ARCHITECTURE: downloads the packages of these lines into the cache, checks them, and prints their paths.
locked_packages() {
  local use architecture package version checksum path file address
  mkdir -p "$cache/debian"
  while read -r use architecture package version checksum path; do
    file="$cache/debian/$checksum.deb"
    if [[ ! -e $file ]]; then
      say "downloading $package $version ($architecture)"
      while read -r address; do
        # It uses the proxies and certificates of apt, and checks the sum.
        if (cd "$cache/debian" && /usr/lib/apt/apt-helper --option Acquire::Retries=2 --option APT::Sandbox::User=root \
          --option Acquire::http::Timeout=20 --option Acquire::https::Timeout=20 \
          download-file "$address/$path" "$checksum.$$" "SHA256:$checksum") >/dev/null 2>&1; then
          mv -f "$cache/debian/$checksum.$$" "$file"
          break
        fi
        rm -f "$cache/debian/$checksum.$$"*
      done < <(archives | awk '!seen[$0]++')
      [[ -e $file ]] ||
        die "$package $version ($architecture) can be downloaded neither from DEBIAN_ARCHIVES nor from the archives of this machine's apt. If you are offline, connect and run this again. On Ubuntu, and if Debian has replaced this version, set DEBIAN_ARCHIVES to the addresses of archives that have the state of $(sed -n 's/^snapshot //p' "$lock_file"). On Debian 12, make update-base locks the versions that your archives have"
    fi
    printf '%s\n' "$file"
  done < <(grep "^$1 $2 " "$lock_file")
}

# nuget_packages: prints the folder of the NuGet packages of this machine.
nuget_packages() {
  dotnet nuget locals global-packages --list | sed 's/^[^:]*: *//; s|/$||'
}

# check_dotnet PLATFORM [FILE]: fails unless the packages of .NET itself that a program for PLATFORM was built with are those of FILE.
check_dotnet() {
  local packages package version checksum file lock=${2:-hack/image/dotnet.lock}
  packages=$(nuget_packages)
  while read -r package version checksum; do
    [[ ! $package =~ \.(linux|osx|win)-[a-z0-9]+$ || $package == *."$1" ]] || continue
    file="$packages/${package,,}/$version/${package,,}.$version.nupkg.sha512"
    [[ -e $file && $(<"$file") == "$checksum" ]] ||
      die "the NuGet package $package $version is not the one of $lock. If you have raised a version in Directory.Packages.props, run make update-base; else delete $(dirname "$file") and run this again"
  done < <(grep --invert-match '^#' "$lock")
}
