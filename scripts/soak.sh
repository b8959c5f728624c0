#!/bin/bash
# A million connections and 100 GB over each transport: memory has to stay flat. Takes some minutes each.
#
#     scripts/soak.sh [PROTOCOL...]
#
# SOAK_CONNECTIONS and SOAK_GB ask for other amounts.

. "$(dirname "$0")/checks.sh"

[ $# -gt 0 ] || set -- STREAM_SOCKET_TCP STREAM_SOCKET_UNIX STREAM_INPROC
export EVPL_SOAK_CONNECTIONS=${SOAK_CONNECTIONS:-1000000}
export EVPL_SOAK_MIB=$((${SOAK_GB:-100} * 1000000000 / 1048576))

check "library builds" make --no-print-directory lib || finish
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check "soak builds" cc -O2 -g -D_GNU_SOURCE -pthread -Iinclude c-tests/soak/churn_and_bulk.c \
    -L"$DIST" -levpl -Wl,-rpath,"$DIST" -o "$work/soak" || finish
for protocol in "$@"; do
    echo "$protocol"
    rm -f "$work/soak-socket"
    EVPL_TEST_PROTOCOL=$protocol EVPL_TEST_TMPDIR=$work timeout 3600 "$work/soak" 2>&1 |
        sed 's/^/    /'
    if [ "${PIPESTATUS[0]}" -eq 0 ]; then pass "soak: $protocol"; else fail "soak: $protocol"; fi
done
finish
