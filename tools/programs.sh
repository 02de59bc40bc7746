# Each program as one file: a process starts in half of the time. Sourced (POSIX sh) after setup.sh by ./lazysync and tools/test.sh.
#   programs                  sets `programs` to the folder of the bundles, made when a source has changed; empty: that can't be done, and
#                             the sources are to be run
# It is dist/KEY, where KEY stands for all sources: what runs goes on with what it was started from.

programs_key() {
  (
    cd -- "$ROOT" &&
      find apps libs tools/programs package-lock.json -name test -prune -o \
        \( -name '*.ts' -o -name package.json -o -name package-lock.json \) -printf '%p %s %T@\n' |
      LC_ALL=C sort | sha256sum | cut -c1-16
  ) 2>/dev/null
}

programs_bundle() {
  setup_say programs
  setup_log=$(mktemp) || return 1
  programs_new=$ROOT/dist/.new-$$
  # CRASH: what is left half done has another name, and goes with the next one.
  find "$ROOT/dist" -mindepth 1 -maxdepth 1 -name '.new-*' -mmin +10 -exec rm -rf {} + 2>/dev/null
  if "$ROOT/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$ROOT/tools/programs/src/main.ts" "$programs_new" >"$setup_log" 2>&1 </dev/null &&
    { mv -T "$programs_new" "$programs_folder" 2>/dev/null || [ -d "$programs_folder" ]; }; then
    rm -rf "$programs_new" "$setup_log"
    # A version that still runs starts its processes again from there.
    programs_used=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -F "$ROOT/dist/")
    ls -td "$ROOT"/dist/*/ | tail -n +4 | while read -r programs_old; do
      case $programs_used in *"$programs_old"*) ;; *) rm -rf "$programs_old" ;; esac
    done
    printf 'ok' >&2
    return 0
  fi
  printf 'not bundled (%s), their sources are run' "$(grep -m 1 -E '^[A-Za-z]*Error' "$setup_log" || tail -n 1 "$setup_log")" >&2
  rm -rf "$programs_new" "$setup_log"
  return 1
}

programs() {
  programs=
  programs_key=$(programs_key)
  # Without the tools that tell, without a place to write to: the sources do the same.
  [ "${#programs_key}" = 16 ] || return 0
  programs_folder=$ROOT/dist/$programs_key
  if [ ! -d "$programs_folder" ]; then
    mkdir -p "$ROOT/dist" 2>/dev/null && [ -w "$ROOT/dist" ] || return 0
    programs_bundle || return 0
  fi
  # RACE: another start, of other sources, may be removing all but the latest.
  touch -c -- "$programs_folder" 2>/dev/null
  programs=$programs_folder
}
