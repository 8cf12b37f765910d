# shellcheck shell=bash
# Shared by the scripts of this folder: messages, the cache folder, a lock, and an apt that never touches the system.
# Sourced, never run.

export LC_ALL=C.UTF-8

# All that the scripts keep between runs. Removing it costs time, nothing else.
cache="${TOKEN_OPERATOR_CACHE:-${HOME:?HOME is not set: set it, or TOKEN_OPERATOR_CACHE}/.cache/token-operator}"

# Progress goes to stderr: the stdout of these scripts is for the program that called them.
say() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# lock NAME: one run at a time for NAME. Children inherit descriptor 9, so that a build
# that outlives a killed script still keeps the next run out.
lock() {
  mkdir -p "$cache"
  exec 9>"$cache/.$1.lock"
  if ! flock --nonblock 9; then
    say "another run is preparing this; waiting for it (remove nothing, it can take minutes)"
    flock 9
  fi
}

# run_logged LOG WHAT COMMAND...: runs a long command in a process group of its own, its output in LOG, with a
# sign of life every 30 s; an interrupted script takes the whole group with it.
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
  # shellcheck disable=SC2064 # the process ids of now are the ones to end
  trap "kill -TERM -- -$pid 2>/dev/null; kill $ticker 2>/dev/null; say 'interrupted; run again to go on from here'; exit 130" INT TERM HUP
  wait "$pid" || status=$?
  trap - INT TERM HUP
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  if ((status != 0)); then
    say "$what failed (exit code $status); the end of $log:"
    tail -n 20 "$log" >&2
    return 1
  fi
}

# private_apt FOLDER: defines apt_get and apt_cache, which work on copies of the machine's own sources (with
# source packages added) and keep lists and downloads in FOLDER. No root, and nothing of the system changes.
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
  # The hooks of the system's apt (clean-up, desktop indexes) would reach out of the folder.
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

# program NAME PACKAGE VARIABLE: prints the path of the program NAME, alone on stdout: the value of VARIABLE, else what
# is on PATH or in /usr/sbin, else from the cache, else from Debian's PACKAGE and the libraries that it needs, unpacked
# into the cache. Nothing is installed, and nothing needs root.
program() {
  local name=$1 package=$2 variable=$3 ready="$cache/$2" named=${!3:-}
  if [[ -n $named ]]; then
    [[ -x $named ]] || die "$variable is $named, which is no program: correct it, or unset it"
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
  local name=$1 package=$2 variable=$3 ready=$4 work="$cache/$2.work" deb found
  local else_do="install it, or set $variable to the program"
  rm -rf "$work/tree"
  mkdir -p "$work/tree/unpacked" "$work/tree/bin"
  private_apt "$work/apt" || die "no $name here, and no apt-get to fetch one: $else_do"
  say "no $name on this machine: fetching Debian's package $package into $ready (once, nothing is installed)"
  apt_get update || say "some package lists could not be read; going on with the others"
  apt_get install --download-only --no-install-recommends "$package" || die "Debian's package $package cannot be had from this machine's apt sources: $else_do"
  for deb in "$work"/apt/cache/archives/*.deb; do
    dpkg -x "$deb" "$work/tree/unpacked"
  done
  found=$(find "$work/tree/unpacked" -type f -path "*bin/$name" -perm -u+x -print -quit)
  [[ -n $found ]] || die "Debian's package $package holds no $name: $else_do"
  # The libraries that came along are found by their path, which only the finished folder has.
  cat >"$work/tree/bin/$name" <<SH
#!/bin/sh
root='$ready/unpacked'
LD_LIBRARY_PATH="\$root/usr/lib/$(uname -m)-linux-gnu:\$root/lib/$(uname -m)-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "\$root${found#"$work/tree/unpacked"}" "\$@"
SH
  chmod +x "$work/tree/bin/$name"
  rm -rf "$ready"
  mv -T "$work/tree" "$ready"
  rm -rf "$work"
}
