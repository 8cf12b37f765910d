#!/usr/bin/env bash
# Finds, downloads or builds etcd, kube-apiserver and kubectl for the tests, and prints the folder that contains them on
# stdout. It installs nothing. It takes the first of these:
#   1. KUBEBUILDER_ASSETS, if set
#   2. the cache (TOKEN_OPERATOR_CACHE, by default ~/.cache/token-operator)
#   3. the official envtest archive (ENVTEST_VERSION, ENVTEST_URL, ENVTEST_SHA512)
#   4. a build from Debian's source package kubernetes
set -euo pipefail

# shellcheck source=hack/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ready="$cache/kubernetes"
work="$cache/kubernetes.work"

has_servers() {
  [[ -x $1/etcd && -x $1/kube-apiserver ]]
}

has_all() {
  has_servers "$1" && is_recent_kubectl "$1/kubectl"
}

# publish FOLDER SOURCE: moves a complete folder into the cache in one atomic step.
publish() {
  printf '%s\n' "$2" >"$1/SOURCE"
  rm -rf "$ready"
  mv -T "$1" "$ready"
}

# add_kubectl FOLDER: links a recent kubectl. That of Debian 12 is not recent enough for the manifests.
add_kubectl() {
  local found
  found=$("$here/kubectl.sh")
  ln -sfn "$found" "$1/kubectl"
}

# --- the official archive ---------------------------------------------------------------------------------------

download() {
  if [[ $1 == file://* ]]; then
    cp "${1#file://}" "$2" 2>/dev/null
  elif command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --connect-timeout 5 --speed-limit 10000 --speed-time 15 --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --tries=1 --timeout=5 --output-document="$2" "$1"
  else
    say "neither curl nor wget is installed"
    return 1
  fi
}

from_archive() {
  local version=${ENVTEST_VERSION:-1.36.2} arch
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) say "there is no envtest archive for $(uname -m)" && return 1 ;;
  esac
  local name="envtest-v$version-linux-$arch.tar.gz"
  local url=${ENVTEST_URL:-https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-v$version/$name}
  local file="$work/archive.tar.gz" expected=${ENVTEST_SHA512:-} actual
  # The checksums of the default version are from envtest-releases.yaml of controller-tools. The checksum of any other
  # archive is in a file next to the archive.
  [[ -n $expected || -n ${ENVTEST_URL:-} ]] || case $name in
    envtest-v1.36.2-linux-amd64.tar.gz) expected=ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dcf30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08 ;;
    envtest-v1.36.2-linux-arm64.tar.gz) expected=2d72ee985a8e262a3c57dc9f7f0fd891f6a8c7bf7ebaa2db6dc6d8eac8ae28181afe51c1f368b67756cdb40b10de9b205609e1726e5f27f7c6d824dd9c6649ac ;;
  esac

  say "downloading the official envtest archive: $url"
  if [[ -z $expected ]]; then
    if ! download "$url.sha512" "$work/archive.sha512"; then
      say "the checksum $url.sha512 is not available"
      return 1
    fi
    read -r expected _ <"$work/archive.sha512" || true
  fi
  if ! download "$url" "$file"; then
    say "the archive is not available"
    return 1
  fi
  read -r actual _ < <(sha512sum "$file")
  if [[ $actual != "$expected" ]]; then
    rm -f "$file" "$work/archive.sha512"
    die "the archive from $url has sha512 $actual, but $expected was expected; it is not used." \
      "If the download was damaged, run again. Otherwise check ENVTEST_URL and ENVTEST_SHA512."
  fi
  rm -rf "$work/archive"
  mkdir "$work/archive"
  tar --extract --gzip --file "$file" --directory "$work/archive"
  local unpacked="$work/archive/controller-tools/envtest"
  has_all "$unpacked" || die "the archive from $url does not contain etcd, kube-apiserver and kubectl in controller-tools/envtest/"
  publish "$unpacked" "$url"
}

# --- Debian's source package ------------------------------------------------------------------------------------

prepare_apt() {
  [[ -z ${private_apt_folder:-} ]] || return 0
  private_apt "$work/apt" || die "this machine has no apt-get: set KUBEBUILDER_ASSETS to a folder that contains etcd, kube-apiserver and kubectl"
  say "downloading the package lists into the cache"
  update_package_lists
}

# fetch_debs PACKAGE...: downloads the packages that are missing. apt checks signatures and checksums.
fetch_debs() {
  local package
  mkdir -p "$work/debs"
  for package in "$@"; do
    [[ -e $work/debs/$package.done ]] && continue
    (cd "$work/debs" && apt_get download "$package") || die "the package $package is not available from the apt sources of this machine"
    touch "$work/debs/$package.done"
  done
}

unpack_deb() {
  mkdir -p "$2"
  dpkg -x "$work/debs/$1"_*.deb "$2"
}

from_debian() {
  local version go=1.19 started=$SECONDS
  prepare_apt
  version=$(apt_cache showsrc kubernetes 2>/dev/null | sed -n 's/^Version: //p' | sort --version-sort | tail -n 1)
  [[ $version == 1.20.* ]] || die "version 1.20 of Debian's source package kubernetes (Debian 12) is needed, but ${version:-no version} was found:" \
    "newer versions contain only kubectl. Allow access to the envtest archive (ENVTEST_URL), or set KUBEBUILDER_ASSETS."
  command -v make >/dev/null || die "the build of kube-apiserver needs make: apt-get install make"

  say "building kube-apiserver 1.20.2 from Debian's source package kubernetes $version."
  say "This runs once. It takes about 7 minutes on two idle cores, and 3 GB in $work until it ends."
  say "You can interrupt it at any time: the next run continues where it stopped."
  fetch_debs "golang-$go-go" "golang-$go-src" golang-github-modern-go-reflect2-dev etcd-server
  if [[ ! -e $work/debs/kubernetes.done ]]; then
    (cd "$work/debs" && apt_get source --download-only kubernetes) || die "the source package kubernetes is not available"
    touch "$work/debs/kubernetes.done"
  fi

  if [[ ! -d $work/tree ]]; then
    say "unpacking"
    rm -rf "$work/tree.new"
    mkdir -p "$work/tree.new/source"
    local package
    for package in "golang-$go-go" "golang-$go-src" etcd-server; do
      unpack_deb "$package" "$work/tree.new/unpacked"
    done
    tar --extract --gzip --file "$work"/debs/kubernetes_*.orig.tar.gz --directory "$work/tree.new/source" --strip-components=1
    # Replaces reflect2 1.0.1 in the source package with Debian's package of 1.0.2. Version 1.0.1 iterates over maps in a
    # way that Go 1.18 removed, and crashes the server at the first custom object.
    unpack_deb golang-github-modern-go-reflect2-dev "$work/tree.new/unpacked"
    local reflect2=github.com/modern-go/reflect2
    rm -rf "$work/tree.new/source/vendor/$reflect2"
    cp -r "$work/tree.new/unpacked/usr/share/gocode/src/$reflect2" "$work/tree.new/source/vendor/$reflect2"
    mkdir -p "$work/tree.new/source/.go/src/k8s.io"
    ln -s ../../.. "$work/tree.new/source/.go/src/k8s.io/kubernetes"
    mv -T "$work/tree.new" "$work/tree"
  fi

  # The build runs rsync only to copy a program if it has changed. This stand-in works on machines without rsync.
  mkdir -p "$work/tools"
  cat >"$work/tools/rsync" <<'SH'
#!/bin/sh
[ "$1" = -pc ] && [ $# -eq 3 ] || { echo "rsync stand-in: unexpected arguments: $*" >&2; exit 1; }
target="$3/$(basename "$2")"
cmp -s "$2" "$target" || cp --preserve=mode "$2" "$target"
SH
  chmod +x "$work/tools/rsync"

  # An empty environment keeps out the caller's Go settings. The build uses only Debian's Go and no network.
  run_logged "$work/build.log" "building kube-apiserver" env --ignore-environment \
    HOME="$work" PATH="$work/tools:$work/tree/unpacked/usr/lib/go-$go/bin:/usr/local/bin:/usr/bin:/bin" LC_ALL=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" \
    GOROOT="$work/tree/unpacked/usr/lib/go-$go" GOPATH="$work/tree/source/.go" CGO_ENABLED=0 \
    KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=clean KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 \
    make --directory="$work/tree/source/.go/src/k8s.io/kubernetes" WHAT=cmd/kube-apiserver GOLDFLAGS="-s -w" \
    || die "kube-apiserver could not be built; the full output is in $work/build.log"

  rm -rf "$work/assets"
  mkdir "$work/assets"
  cp "$work/tree/source/_output/local/bin/linux/"*/kube-apiserver "$work/assets/"
  cp "$work/tree/unpacked/usr/bin/etcd" "$work/assets/"
  add_kubectl "$work/assets"
  publish "$work/assets" "Debian source package kubernetes $version"
  say "built in $((SECONDS - started)) s"
}

# ----------------------------------------------------------------------------------------------------------------

if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  has_servers "$KUBEBUILDER_ASSETS" ||
    die "KUBEBUILDER_ASSETS is $KUBEBUILDER_ASSETS, which does not contain both etcd and kube-apiserver: correct it or unset it"
  if has_all "$KUBEBUILDER_ASSETS"; then
    (cd "$KUBEBUILDER_ASSETS" && pwd)
    exit
  fi
  # A folder of links leaves the given folder unchanged.
  lock kubernetes
  links="$cache/kubebuilder-assets"
  rm -rf "$links"
  mkdir -p "$links" "$work"
  ln -s "$(cd "$KUBEBUILDER_ASSETS" && pwd)"/{etcd,kube-apiserver} "$links/"
  add_kubectl "$links"
  printf '%s\n' "$links"
  exit
fi

if ! has_all "$ready"; then
  lock kubernetes
  mkdir -p "$work"
  if has_all "$ready"; then
    : # another run has filled the cache
  elif has_servers "$ready"; then
    add_kubectl "$ready" # the linked kubectl no longer exists, or is too old
  else
    say "$ready does not contain etcd and kube-apiserver yet"
    from_archive || from_debian
  fi
  rm -rf "$work"
fi
printf '%s\n' "$ready"
