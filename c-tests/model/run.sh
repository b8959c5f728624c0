#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the model-based test and runs it: run.sh --programs N --seed S --protocol NAME
# --mech epoll|select. Without --protocol, all five protocols; without --mech, both mechanisms.
#
# LIB is the directory of libevpl.so, target/release by default; CC and BUILD (where the program
# goes) may be set too. TCP and UDP run in a network namespace of their own where that is permitted.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
lib=$(cd "${LIB:-${CARGO_TARGET_DIR:-$root/target}/release}" && pwd)
build=${BUILD:-$lib}
program=$build/evpl-model

# CC may carry flags.
# shellcheck disable=SC2086
${CC:-cc} -std=gnu11 -O2 -g -Wall -Wextra -Werror -I "$root/include" \
    "$here/main.c" "$here/driver.c" "$here/model.c" "$here/program.c" \
    -L "$lib" -Wl,-rpath,"$lib" -levpl -lpthread -o "$program"

protocols="STREAM_INPROC DATAGRAM_INPROC STREAM_SOCKET_TCP STREAM_SOCKET_UNIX DATAGRAM_SOCKET_UDP"
mechs="epoll select"
programs=1000
seed=1
rest=
while [ $# -gt 0 ]; do
    case $1 in
    --programs) programs=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --protocol) protocols=$2; shift 2 ;;
    --mech) mechs=$2; shift 2 ;;
    *) rest="$rest $1"; shift ;;
    esac
done

passed=0
failed=0
for mech in $mechs; do
    for protocol in $protocols; do
        # shellcheck disable=SC2086
        out=$("$program" --programs "$programs" --seed "$seed" --protocol "$protocol" \
            --mech "$mech" $rest) || true
        echo "$out"
        last=$(echo "$out" | tail -n 1)
        passed=$((passed + $(echo "$last" | cut -d' ' -f1)))
        failed=$((failed + $(echo "$last" | cut -d' ' -f3)))
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
