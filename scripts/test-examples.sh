#!/bin/bash
# Each example, run and its output checked.

. "$(dirname "$0")/checks.sh"

check "examples and tools build" make --no-print-directory examples tools || finish
cd "$TARGET/examples" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect NAME TEXT COMMAND...: ends in time, with status 0, and prints the text.
expect() {
    local name=$1 text=$2 output
    shift 2
    output=$(timeout 60 "$@" 2>&1)
    local status=$?
    if [ $status -eq 0 ] && grep -qF -- "$text" <<<"$output"; then
        pass "$name"
    else
        fail "$name: status $status, expected: $text"
        sed 's/^/    /' <<<"$output"
    fi
}

# start COMMAND...: a server, until it says that it listens. stop ends it as a user would.
start() {
    : >"$work/server.out" # what the one before said must not count
    "$@" >"$work/server.out" 2>&1 &
    server=$!
    wait_for "$work/server.out" listening
}

stop() {
    local status
    kill "$server"
    wait "$server"
    status=$?
    if [ $status -eq 0 ]; then
        pass "$1 ends on SIGTERM"
    else
        fail "$1 ends on SIGTERM: status $status"
        sed 's/^/    /' "$work/server.out"
    fi
}

expect "demo" "all five transports work" "$ROOT/scripts/demo.sh" . ../tools/evpl_perf
expect "stream_echo over an abstract name" "bytes match" \
    ./stream_echo -n 16 STREAM_SOCKET_UNIX "@evpl-example-$$"
expect "stream_echo in process" "bytes match" ./stream_echo -n 16 STREAM_INPROC inproc://echo
expect "stream_echo over TCP of IPv6" "bytes match" \
    ./stream_echo -n 16 STREAM_SOCKET_TCP ::1 "$(free_port)"
expect "datagram_echo over UDP" "bytes match" \
    ./datagram_echo -n 5000 DATAGRAM_SOCKET_UDP 127.0.0.1 "$(free_port)"
expect "segmented in process" "the server closed the connection" ./segmented
expect "segmented over TCP" "answer: HELLO" ./segmented 127.0.0.1 "$(free_port)"
expect "segmented over a Unix socket" "answer: HELLO" ./segmented "$work/segmented.sock"
expect "thread_pool spreads connections evenly" "thread 3 served 4 connections" \
    ./thread_pool -t 4 -c 16 127.0.0.1 "$(free_port)"
expect "thread_pool answers many" "500 of 500 connections answered" \
    ./thread_pool -t 2 -c 500 127.0.0.1 "$(free_port)"
expect "timers" "1 ring" ./timers
expect "zero_copy" "8 of them the sender's own bytes" ./zero_copy

port=$(free_port)
start ./http_hello "$port"
expect "http_hello greets curl" "hello, world" curl -sS --max-time 10 "http://127.0.0.1:$port/"
expect "http_hello reads a head in pieces" "hello, world" bash -c "
    exec 3<>/dev/tcp/127.0.0.1/$port
    printf 'GET / HT' >&3; sleep 0.1; printf 'TP/1.0\r\n\r\n' >&3
    cat <&3"
expect "http_hello refuses what is no GET" "400 Bad Request" bash -c "
    exec 3<>/dev/tcp/127.0.0.1/$port
    printf 'HELO\r\n\r\n' >&3
    cat <&3"
stop http_hello

port=$(free_port)
start ./thread_pool -s 127.0.0.1 "$port"
expect "thread_pool serves another program" 0 bash -c "
    exec 3<>/dev/tcp/127.0.0.1/$port
    echo who >&3
    cat <&3"
stop thread_pool

# echo_server is short enough for the README, and therefore has a fixed port and no end.
sed 's/, 7000)/, PORT)/' "$ROOT/examples-c/echo_server.c" >"$work/echo_server.c"
port=$(free_port)
check "echo_server builds" cc -DPORT="$port" -I"$ROOT/include" "$work/echo_server.c" -L"$DIST" \
    -levpl -Wl,-rpath,"$DIST" -o "$work/echo_server"
"$work/echo_server" &
server=$!
sleep 0.5
expect "echo_server echoes" hello bash -c "
    exec 3<>/dev/tcp/127.0.0.1/$port
    echo hello >&3
    head -1 <&3"
kill "$server"
wait "$server" 2>/dev/null

readme=$(awk '/^```c$/ { p = 1; next } /^```$/ { p = 0 } p' "$ROOT/README.md")
if [ "$readme" = "$(sed '/^\/\//d' "$ROOT/examples-c/echo_server.c")" ]; then
    pass "README shows echo_server as it is"
else
    fail "README shows echo_server as it is"
fi
finish
