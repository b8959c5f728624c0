#!/bin/bash
# Runs an echo server and a client over each transport, with the programs of examples-c in the
# directory given; where the transport crosses processes, server and client are two of them. Then the
# measuring tool given second shows what the transports do here, with a plot beside it.

set -u
perf=$(realpath "$2")
cd "$1" || exit 1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
status=0

# over_processes PROGRAM PROTOCOL ADDRESS...
over_processes() {
    local program=$1
    shift
    : >"$work/server" # what the one before said must not count
    "./$program" -s "$@" >"$work/server" &
    server=$!
    for _ in $(seq 100); do
        grep -q listening "$work/server" && break
        sleep 0.05
    done
    timeout 120 "./$program" -c "$@" || status=1
    kill "$server"
    wait "$server" || status=1
    server=
}

# A port for TCP and UDP that is likely to be free.
port=$((20000 + $$ % 10000))

echo "an echo server and a client that compares every byte:"
over_processes stream_echo -n 256 STREAM_SOCKET_TCP 127.0.0.1 $port
over_processes stream_echo -n 256 STREAM_SOCKET_UNIX "$work/echo.sock"
timeout 120 ./stream_echo -n 256 STREAM_INPROC inproc://echo || status=1
over_processes datagram_echo -n 50000 DATAGRAM_SOCKET_UDP 127.0.0.1 $port
timeout 120 ./datagram_echo -n 50000 DATAGRAM_INPROC inproc://echo || status=1
[ $status -eq 0 ] && echo "all five transports work"

echo
echo "what they do on this machine:"
"$perf" --all --duration 0.3 --plot "$PWD/demo.svg" || status=1
exit $status
