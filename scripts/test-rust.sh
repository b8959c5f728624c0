#!/bin/bash
# The generated headers, format and lints, and the Rust tests.

. "$(dirname "$0")/checks.sh"

check "headers are those of src/capi" \
    cargo run -q --manifest-path xtask/Cargo.toml -- headers --check

for package in . xtask; do
    if cargo fmt --version >/dev/null 2>&1; then
        check "format of $package" cargo fmt --manifest-path $package/Cargo.toml --check
    else
        skip "format of $package" "cargo fmt is not installed"
    fi
    if cargo clippy --version >/dev/null 2>&1; then
        check "lints of $package" \
            cargo clippy -q --manifest-path $package/Cargo.toml --all-targets --all-features \
            -- -D warnings
    else
        skip "lints of $package" "cargo clippy is not installed"
    fi
done

# Tests unwind, and so do the tools in this profile: otherwise two builds of the library would fight
# over one place.
cargo_test rust.log --profile tools --all-features

# Every interleaving of what crosses threads.
RUSTFLAGS="--cfg loom" cargo_test loom.log --release --lib --target-dir "$TARGET/loom" loom_
finish
