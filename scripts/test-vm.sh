#!/bin/bash
# The harness for guest kernels, and the library in a kernel older than most hosts'.

. "$(dirname "$0")/checks.sh"

RUN=$ROOT/tests/vm/run
INSIDE=$ROOT/tests/vm/in-guest.py
reason=$("$RUN" --prepare)
case $? in
    0) pass "kernel, modules and init are prepared" ;;
    77)
        skip "vm" "${reason#skipped: }"
        finish
        ;;
    *)
        fail "kernel, modules and init are prepared"
        finish
        ;;
esac
check "library and examples build" make --no-print-directory examples || finish
check "C tests build" python3 c-tests/run.py --lib "$DIST" --compile-only || finish

# Guests see this directory as the host does, up to what they write there.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

# guest NAME ARGUMENTS...: runs one and keeps what came of it.
guest() {
    local name=$1
    shift
    "$RUN" "$@" >"$work/$name.out" 2>"$work/$name.err"
    echo $? >"$work/$name.status"
}

# expect NAME STATUS TEXT DESCRIPTION: how the guest ended and what it printed.
expect() {
    local status
    status=$(cat "$work/$1.status")
    if [ "$status" -eq "$2" ] && cat "$work/$1.out" "$work/$1.err" | grep -qaF -- "$3"; then
        pass "$4"
    else
        fail "$4: status $status, not $2, or nowhere: $3"
        cat "$work/$1.out" "$work/$1.err" | tail -c 4000 | tail -40 | sed 's/^/    /'
    fi
}

# The library, beside everything else: both mechanisms, waiting and polling, over TCP, Unix sockets,
# UDP and inside the process; and an io_uring without what newer kernels add to it. Emulation is slow, so
# these are few and short.
tests='^(stream/(half_close|peek|reset)|datagram/(udp_batches|udp_unreachable)'
tests+='|bind/(connect_refused|send_families)|core/(doorbell_cross_thread|interrupted_wait|fd_event_pipe'
tests+='|timer_never_early)|thread/pool_order|io_uring/(asleep|exhausted_buffers|turns))\[(epoll,event|select,event|epoll,default)'
guest library --timeout 600 -- python3 c-tests/run.py --include include --lib "$DIST" \
    --known-skips "$KNOWN_SKIPS" --quiet --timeout-factor 6 --filter "$tests" &
library=$!

# Two at once: bytes of every value and a status; death by a signal.
head -c 3000000 /dev/urandom >"$work/bytes"
(head -c 300000 /dev/urandom && echo && echo "the last line") >"$work/more"
guest killed -- sh -c 'echo before; kill -9 $$' &
killed=$!
guest output -- sh -c "cat $work/bytes; cat $work/more >&2; sleep 1000 & exit 37"
wait $killed
expect output 37 "the last line" "the exit status is passed on, whatever still runs"
check "standard output is passed on to the byte" cmp "$work/bytes" "$work/output.out"
check "standard error is passed on to the byte" cmp "$work/more" "$work/output.err"
expect killed 137 "before" "death by a signal is a status as in a shell"

guest timeout --timeout 5 -- sleep 1000 &
timeout=$!
guest panic -- sh -c 'echo c >/proc/sysrq-trigger'
wait $timeout
expect timeout 124 "vm: timed out after 5 s" "a guest that takes too long is ended"
expect panic 125 "vm: Kernel panic - not syncing: sysrq triggered crash" "a panic is told"

guest absent -- ./no-such-program
expect absent 127 "./no-such-program: No such file or directory" "a program that is not there is told"
guest module --modules tls,no_such_module -- true
expect module 125 "has no module no_such_module" "a module that is not there is told"

UNCHOSEN=1 EVPL_VM="passed on" guest surroundings --env CHOSEN=a=b -- "$INSIDE" surroundings \
    "$(uname -r)" "$PWD" "$work" "two words" $'a\nline' ""
expect surroundings 0 "as promised" "directory, arguments, environment and loopback"
check "what the guest writes stays there" \
    test ! -e written-in-the-guest -a ! -e "$work/written-in-the-guest" -a ! -e "$work/guest.sock"

guest network --modules tls,rdma_rxe,rdma_ucm,dummy -- sh -c "'$INSIDE' tls && '$INSIDE' rxe"
expect network 0 "tls as promised" "module tls takes over a connection"
expect network 0 "rxe as promised" "module rdma_rxe makes devices over lo and dummy0"

# TLS whose records the kernel seals and opens: 1.2 alone where it cannot change keys, both where it can,
# and neither without the module.
tls=(python3 c-tests/tls/run.py --lib "$DIST" --large 8)
carried='kernel|damage|key_updates|close_notify|truncation|we_say|last_flight|renegotiation|large_echo'
guest tls_old --timeout 500 --memory 2048 --modules tls -- "${tls[@]}" --kernel --filter "$carried" &
tls_old=$!
guest tls_new --kernel 6.18 --timeout 500 --memory 2048 --modules tls -- \
    "${tls[@]}" --kernel --filter "$carried"
wait $tls_old
guest tls_none -- sh -c 'echo 1 >/proc/sys/kernel/modules_disabled && exec "$@"' - \
    "${tls[@]}" --filter without_the_module
expect tls_old 0 ", 0 failed" "TLS 1.2 in a kernel that cannot change keys"
add_totals "$work/tls_old.out"
if [ "$(cat "$work/tls_new.status")" -eq 77 ]; then
    skip "TLS in a kernel that can change keys" "$(sed 's/^skipped: //' "$work/tls_new.out")"
else
    expect tls_new 0 ", 0 failed" "TLS 1.2 and 1.3 in a kernel that can change keys"
    add_totals "$work/tls_new.out"
fi
expect tls_none 0 "1 passed, 0 failed" "TLS in user space where the kernel has no module"

echo "text of the file" >"$work/disk"
truncate -s 16M "$work/disk"
guest storage --modules nvme,vfio-pci --iommu --nvme "$work/disk" --nvme 16M -- \
    "$INSIDE" storage "text of the file"
expect storage 0 "as promised" "NVMe devices for the kernel and for VFIO"
check "a guest's disk is the file" cmp -n 4096 -i 0:4096 "$work/disk" "$work/disk"

# A guest does not outlive the process that runs it, however that ends.
"$RUN" -- sleep 1000 &
run=$!
qemu=
for _ in $(seq 200); do
    qemu=$(tr -d ' ' <"/proc/$run/task/$run/children")
    [ -n "$qemu" ] && break
    sleep 0.05
done
kill -9 $run
wait $run 2>/dev/null
for _ in $(seq 100); do
    grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$qemu/status" || break
    sleep 0.05
done
check "a guest ends with the process that runs it" \
    sh -c "! grep -s '^State:[[:space:]]*[^Z[:space:]]' /proc/$qemu/status"

guest examples --timeout 300 -- sh -c "
    cd '$TARGET/examples' &&
    ./stream_echo -n 16 STREAM_SOCKET_TCP ::1 7000 &&
    ./stream_echo -n 16 STREAM_SOCKET_UNIX @example &&
    ./datagram_echo -n 2000 DATAGRAM_SOCKET_UDP 127.0.0.1 7000 &&
    ./thread_pool -t 4 -c 16 127.0.0.1 7000 && ./timers && echo all examples"
expect examples 0 "all examples" "examples over TCP, Unix sockets and UDP"

wait $library
cat "$work/library.out"
add_totals "$work/library.out"
expect library 0 ", 0 failed" "the C tests in the guest"
finish
