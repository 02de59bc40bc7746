# Brings what a fresh clone lacks. Sourced (POSIX sh) by ./lazysync, tools/test.sh and .ci/run; ROOT is the repository.
#   setup_packages            the npm packages, Node 24 among them
#   setup_redis               a redis-server program (never a running service)
#   setup_test_extras         best effort, as root only: what some tests would otherwise skip
#   setup_done                ends the progress line
# Progress is one line on stderr; a failure is one sentence on stderr and exit 1.

STAMP=$ROOT/node_modules/.lazysync-stamp
setup_line=

setup_say() {
  if [ -z "$setup_line" ]; then printf 'setting up (once): %s … ' "$1" >&2; else printf ', %s … ' "$1" >&2; fi
  setup_line=open
}
setup_done() {
  if [ -n "$setup_line" ]; then printf '\n' >&2; fi
  setup_line=
}
setup_fail() {
  setup_done
  printf 'lazysync: %s\n' "$1" >&2
  exit 1
}
setup_clock() { date +%s; }

# ---- npm packages ---------------------------------------------------------------------------------------------------

packages_fresh() {
  cmp -s "$ROOT/package-lock.json" "$STAMP" 2>/dev/null && [ -x "$ROOT/node_modules/.bin/node" ]
}

setup_packages() {
  packages_fresh && return 0
  command -v npm >/dev/null 2>&1 || setup_fail 'npm is missing: install Node.js 20 or newer (it brings npm), then run this again.'
  setup_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || setup_major=0
  [ "$setup_major" -ge 20 ] || setup_fail 'Node.js 20 or newer is needed to install the packages: install it, then run this again.'
  setup_say packages
  setup_started=$(setup_clock)
  setup_log=$(mktemp) || setup_fail 'no temporary file can be made (is the disk full?).'
  setup_npm=
  # A signal ends npm too; what it leaves half done has no stamp and is made anew next time.
  trap 'packages_cleanup; exit 130' INT
  trap 'packages_cleanup; exit 143' TERM HUP
  packages_lock
  # Whoever held the lock before us may have done it all.
  packages_fresh || packages_install
  packages_cleanup
  trap - INT TERM HUP
  printf '%s s' $(($(setup_clock) - setup_started)) >&2
}

# One installer at a time: on the descriptor of a file that is always there, or else by a folder with the holder's pid.
packages_lock() {
  setup_lock_dir=
  if command -v flock >/dev/null 2>&1; then
    exec 9<"$ROOT/tools/setup.sh"
    flock 9
    return
  fi
  until mkdir "$ROOT/.lazysync-setup.lock" 2>/dev/null; do
    [ -w "$ROOT" ] || { rm -f "$setup_log"; setup_fail "the packages can't be installed: $ROOT is not writable."; }
    setup_holder=$(cat "$ROOT/.lazysync-setup.lock/pid" 2>/dev/null) || setup_holder=
    if [ -n "$setup_holder" ] && ! kill -0 "$setup_holder" 2>/dev/null; then rm -rf "$ROOT/.lazysync-setup.lock"; else sleep 1; fi
  done
  setup_lock_dir=$ROOT/.lazysync-setup.lock
  echo $$ >"$setup_lock_dir/pid"
}

packages_install() {
  rm -f "$STAMP" 2>/dev/null
  (
    cd -- "$ROOT" || exit 1
    unset npm_config_workspace npm_config_workspaces npm_config_omit npm_config_global NODE_ENV
    exec npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund --loglevel=error
  ) >"$setup_log" 2>&1 </dev/null &
  setup_npm=$!
  wait "$setup_npm"
  setup_rc=$?
  setup_npm=
  if [ "$setup_rc" != 0 ]; then
    setup_why=$(grep -E '^npm (error|ERR!) ' "$setup_log" | grep -vE ' (code|errno|syscall|path|dest) |A complete log' | head -n 1 | sed -E 's/^npm (error|ERR!) //; s/[.]*$//')
    packages_cleanup
    setup_fail "the packages could not be installed (npm ci ended with $setup_rc${setup_why:+: $setup_why})."
  fi
  if ! "$ROOT/node_modules/.bin/node" -v >/dev/null 2>&1; then
    packages_cleanup
    setup_fail "there is no Node 24 package that runs on this machine ($(uname -sm)): Linux on x86-64 or arm64 with glibc is needed."
  fi
  cp "$ROOT/package-lock.json" "$STAMP"
}

packages_cleanup() {
  # npm first takes back what it did: until it has ended (it holds the lock too), nobody else may begin.
  if [ -n "$setup_npm" ] && kill "$setup_npm" 2>/dev/null; then wait "$setup_npm"; fi
  rm -f "$setup_log"
  if [ -n "$setup_lock_dir" ]; then rm -rf "$setup_lock_dir"; else exec 9<&-; fi
}

# ---- system packages ------------------------------------------------------------------------------------------------

has_program() {
  for setup_dir in /usr/local/bin /usr/bin /usr/local/sbin /usr/sbin; do
    [ -x "$setup_dir/$1" ] && return 0
  done
  command -v "$1" >/dev/null 2>&1
}

can_apt() {
  command -v apt-get >/dev/null 2>&1 || return 1
  setup_sudo=
  [ "$(id -u)" = 0 ] && return 0
  setup_sudo='sudo -n'
  command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null
}

# apt_install "UNITS" PACKAGE…: the programs only. The services that come along are neither started now (masked in /run, which a
# reboot forgets even if we are killed here; without systemd a single-user runlevel keeps init scripts quiet) nor at boot.
apt_install() {
  setup_units=$1
  shift
  setup_systemd=
  if [ -d /run/systemd/system ]; then
    setup_systemd=yes
    # A unit that exists already is somebody's own: it stays as it is.
    for setup_unit in $setup_units; do
      if systemctl cat "$setup_unit" >/dev/null 2>&1; then setup_units=$(printf '%s' " $setup_units " | sed "s/ $setup_unit / /"); fi
    done
    # shellcheck disable=SC2086
    if [ -n "${setup_units# }" ]; then $setup_sudo systemctl mask --runtime --quiet $setup_units >/dev/null 2>&1; fi
    trap 'apt_units; exit 130' INT
    trap 'apt_units; exit 143' TERM HUP
  fi
  setup_apt="$setup_sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=120 -qq"
  $setup_apt update >/dev/null 2>&1 </dev/null
  $setup_apt install -y --no-install-recommends "$@" >/dev/null 2>&1 </dev/null
  setup_rc=$?
  if [ -n "$setup_systemd" ]; then
    apt_units
    trap - INT TERM HUP
  fi
  return "$setup_rc"
}
apt_units() {
  # shellcheck disable=SC2086
  if [ -n "${setup_units# }" ]; then
    $setup_sudo systemctl unmask --runtime --quiet $setup_units >/dev/null 2>&1
    $setup_sudo systemctl disable --quiet $setup_units >/dev/null 2>&1
  fi
}

setup_redis() {
  if has_program redis-server; then
    command -v redis-server >/dev/null 2>&1 || PATH=$PATH:/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin
    if [ -n "$setup_line" ]; then setup_say redis-server; printf 'ok' >&2; fi
    return 0
  fi
  can_apt || setup_fail 'redis-server is missing: install it (Debian, Ubuntu: sudo apt-get install redis-server), or name your own Redis with --redis URL.'
  setup_say redis-server
  setup_started=$(setup_clock)
  apt_install redis-server.service redis-server && has_program redis-server ||
    setup_fail 'redis-server could not be installed with apt-get: install it yourself, or name your own Redis with --redis URL.'
  printf '%s s' $(($(setup_clock) - setup_started)) >&2
}

setup_test_extras() {
  [ "$(id -u)" = 0 ] || return 0
  setup_wanted=
  has_program sshfs || setup_wanted="$setup_wanted sshfs"
  has_program sshd || setup_wanted="$setup_wanted openssh-server"
  has_program chromium || has_program chromium-browser || has_program google-chrome || setup_wanted="$setup_wanted chromium"
  [ -n "$setup_wanted" ] && can_apt || return 0
  setup_say "for tests:$setup_wanted"
  setup_started=$(setup_clock)
  # shellcheck disable=SC2086
  if apt_install 'ssh.service ssh.socket' $setup_wanted; then
    printf '%s s' $(($(setup_clock) - setup_started)) >&2
  else
    printf 'not available, tests that need them are skipped' >&2
  fi
}
