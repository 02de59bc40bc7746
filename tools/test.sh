#!/usr/bin/env bash
# `npm test`: installs what is missing, then runs vitest on Node 24. Arguments go to vitest.
ROOT=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P) || exit 1
cd -- "$ROOT" || exit 1
. tools/setup.sh
. tools/programs.sh
setup_packages
setup_redis
setup_test_extras
programs
setup_done
export PATH="$ROOT/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin"
# As ./lazysync does: half of what a short process costs is compiling.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$ROOT/node_modules/.cache/compile}"
# What is started is what users start.
export LAZYSYNC_PROGRAMS="$programs"
exec node_modules/.bin/node node_modules/vitest/vitest.mjs run "$@"
