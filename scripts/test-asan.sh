#!/bin/bash
# The Rust and C tests under AddressSanitizer with leak detection.

. "$(dirname "$0")/checks.sh"

# The sanitizer needs no other toolchain, only the permission to use an unstable flag. Debug
# assertions come along: they find user code that runs while something is borrowed.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address -Cdebug-assertions=on -Cforce-frame-pointers=yes"
export ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0:exitcode=99
export LSAN_OPTIONS=suppressions=$ROOT/scripts/lsan.supp:print_suppressions=0
export PROPTEST_CASES=${PROPTEST_CASES:-32}
build=(--release --target "$HOST" --target-dir "$TARGET/asan")

cargo_test asan-rust.log "${build[@]}" --lib --tests

unset LSAN_OPTIONS

# A C program carries its own compiler's runtime, which serves the library as well.
if check "library builds under AddressSanitizer" cargo rustc "${build[@]}" --lib --crate-type cdylib
then
    c_tests asan-c.log --lib "$TARGET/asan/$HOST/release" --cc gcc --sanitize address \
        --timeout-factor 4
    tls_tests asan-tls.log --lib "$TARGET/asan/$HOST/release" --cc "gcc -fsanitize=address"
    model_tests "model, asan" "$TARGET/asan/$HOST/release" "gcc -fsanitize=address" 200
fi
finish
