# What the stages of `make test` share. A stage sources this, makes its checks and calls finish,
# whose line is the stage's last: N passed, N failed, N skipped.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
ROOT=$PWD
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
DIST=$TARGET/dist
HOST=$(rustc -vV | sed -n 's/^host: //p')
KNOWN_SKIPS=$ROOT/tests/known-skips
LOGS=$TARGET/test-logs
mkdir -p "$LOGS"

passed=0 failed=0 skipped=0

pass() {
    passed=$((passed + 1))
    echo "passed $1"
}

fail() {
    failed=$((failed + 1))
    echo "FAILED $1"
}

# A skip that nobody has accepted counts as a failure, so that no test goes missing unnoticed.
skip() {
    local pattern
    while read -r pattern; do
        # shellcheck disable=SC2053 # the list holds patterns
        if [[ $1 == $pattern ]]; then
            skipped=$((skipped + 1))
            echo "skipped $1: $2"
            return
        fi
    done < <(sed -e 's/ *#.*//' -e '/^$/d' "$KNOWN_SKIPS")
    fail "$1: skipped without being listed in ${KNOWN_SKIPS#"$ROOT"/}: $2"
}

# check NAME COMMAND...: the output is shown only if the command fails.
check() {
    local name=$1 log
    log=$LOGS/$(tr -c 'A-Za-z0-9\n' - <<<"$1").log
    shift
    if "$@" >"$log" 2>&1; then
        pass "$name"
    else
        fail "$name: $*"
        tail -40 "$log" | sed 's/^/    /'
        return 1
    fi
}

# add_totals FILE: counts what a test program counted itself, in such a line as ours.
add_totals() {
    local line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -1)
    if [ -z "$line" ]; then
        fail "$1 ends without totals"
        return
    fi
    read -r p f s < <(tr -dc '0-9 \n' <<<"$line")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# cargo_test LOG ARGUMENTS...: counts the tests of every binary; ignored ones are skips.
cargo_test() {
    local log=$LOGS/$1 status name
    shift
    cargo test --no-fail-fast "$@" -- --show-output >"$log" 2>&1
    status=$?
    passed=$((passed + $(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")))
    failed=$((failed + $(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")))
    while read -r name; do
        skip "$name" "ignored"
    done < <(sed -n 's/^test \(.*\) \.\.\. ignored.*/\1/p' "$log")
    if [ $status -ne 0 ]; then
        grep -q '^test result:.* [1-9][0-9]* failed' "$log" || fail "cargo test $*"
        tail -60 "$log" | sed 's/^/    /'
    fi
    grep '^test result:' "$log"
}

# c_tests LOG ARGUMENTS...: the C tests, which count themselves.
c_tests() {
    local log=$LOGS/$1
    shift
    python3 c-tests/run.py --include include --known-skips "$KNOWN_SKIPS" --quiet "$@" 2>&1 |
        tee "$log"
    add_totals "$log"
}

# tls_tests LOG ARGUMENTS...: TLS against OpenSSL.
tls_tests() {
    local log=$LOGS/$1
    shift
    python3 c-tests/tls/run.py --include include "$@" 2>&1 | tee "$log"
    add_totals "$log"
}

# model_tests NAME LIB CC PROGRAMS: random programs against a model of what they should see.
model_tests() {
    local mech protocol
    for mech in epoll select; do
        for protocol in STREAM_INPROC DATAGRAM_INPROC STREAM_SOCKET_TCP STREAM_SOCKET_UNIX \
            DATAGRAM_SOCKET_UDP; do
            check "$1: $4 programs of $protocol on $mech" \
                env LIB="$2" CC="$3" BUILD="$2" c-tests/model/run.sh --programs "$4" \
                --protocol $protocol --mech $mech
        done
    done
}

# One that is free at the moment.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for FILE TEXT: until a program started in the background has printed it.
wait_for() {
    local i
    for i in $(seq 100); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}
