#!/bin/bash
# The C tests and the threaded examples under ThreadSanitizer.

. "$(dirname "$0")/checks.sh"

work=$TARGET/tsan
libdir=$(rustc --print sysroot)/lib/rustlib/$HOST/lib
mkdir -p "$work"

# The standard library is not instrumented, so the sanitizer misses what its locks order. Each
# function of it that takes or gives a lock is wrapped by one that says so; see tsan_std.c.
wraps=()
defines=()
while read -r name pattern; do
    symbol=$(nm -D --defined-only "$libdir"/libstd-*.so | awk '{ print $3 }' | grep -E "$pattern")
    if [ "$(wc -w <<<"$symbol")" -ne 1 ]; then
        fail "the standard library has one $name, not: $symbol"
        continue
    fi
    wraps+=("-Clink-arg=-Wl,--wrap=$symbol")
    defines+=("-D$name=__wrap_$symbol" "-DREAL_$name=__real_$symbol")
done <<'SYMBOLS'
MUTEX_LOCK 3sys4sync5mutex5futex.*14lock_contended
CONDVAR_WAIT 3sys4sync7condvar5futex.*7Condvar4wait$
CONDVAR_WAIT_TIMEOUT 3sys4sync7condvar5futex.*7Condvar12wait_timeout$
RWLOCK_READ 3sys4sync6rwlock5futex.*14read_contended$
RWLOCK_WRITE 3sys4sync6rwlock5futex.*15write_contended$
ONCE_CALL 3sys4sync4once5futex.*4Once4call$
SYMBOLS
check "locks of the standard library are known to ThreadSanitizer" \
    cc -c -O1 -fPIC "${defines[@]}" scripts/tsan_std.c -o "$work/tsan_std.o" || finish

export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer -Clink-arg=$work/tsan_std.o ${wraps[*]}"
export TSAN_OPTIONS="suppressions=$ROOT/scripts/tsan.supp exitcode=66 allocator_may_return_null=1"
check "library builds under ThreadSanitizer" cargo rustc --release --target "$HOST" \
    --target-dir "$work" --lib --crate-type cdylib || finish

# The library needs the runtime of its own compiler, which the programs therefore carry.
cflags="-fno-sanitize-link-runtime -Wl,--export-dynamic"
cflags+=" -Wl,--whole-archive $libdir/librustc-stable_rt.tsan.a -Wl,--no-whole-archive"
cflags+=" -pthread -ldl -lm -lrt -lresolv"
lib=$work/$HOST/release

for example in thread_pool stream_echo datagram_echo timers; do
    clang -g -O1 -fsanitize=thread $cflags -Iinclude examples-c/$example.c -L"$lib" -levpl \
        -Wl,-rpath,"$lib" -o "$work/$example" || fail "$example builds"
done
check "tsan: thread_pool" timeout 120 "$work/thread_pool" -c 64 127.0.0.1 "$(free_port)"
check "tsan: stream_echo over TCP" \
    timeout 120 "$work/stream_echo" STREAM_SOCKET_TCP 127.0.0.1 "$(free_port)"
check "tsan: stream_echo in process" timeout 120 "$work/stream_echo" STREAM_INPROC inproc://e
check "tsan: datagram_echo in process" timeout 120 "$work/datagram_echo" DATAGRAM_INPROC inproc://e
check "tsan: datagram_echo over UDP" \
    timeout 120 "$work/datagram_echo" DATAGRAM_SOCKET_UDP 127.0.0.1 "$(free_port)"
check "tsan: timers" timeout 120 "$work/timers"

# Tests without a second thread have nothing to tell here, and one mechanism is enough. Without a
# descriptor to spare the sanitizer cannot name what it sees, and so not apply its suppressions.
threaded='^(?!.*\[select|.*out_of_descriptors)((thread|listener|inproc|rdma|tcp_rdma|stream|datagram|bind|memory|io_uring)/|.*(thread|concurrent))'
c_tests tsan-c.log --lib "$lib" --cc clang --sanitize thread --cflags "$cflags" \
    --timeout-factor 6 --filter "$threaded"
tls_tests tsan-tls.log --lib "$lib" --cc "clang -fsanitize=thread $cflags" --large 10
finish
