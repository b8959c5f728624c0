#!/bin/bash
# A core part of the C tests under valgrind, against the library as it is shipped.

. "$(dirname "$0")/checks.sh"

check "library builds" make --no-print-directory lib || finish
runs='^(core|memory|stream|datagram)/.*\[epoll,event'
runs+='(,STREAM_SOCKET_TCP|,STREAM_INPROC|,DATAGRAM_SOCKET_UDP)?\]'
c_tests memcheck.log --lib "$DIST" --timeout-factor 20 --filter "$runs" \
    --wrapper "valgrind -q --error-exitcode=88 --leak-check=full --errors-for-leak-kinds=definite"
finish
