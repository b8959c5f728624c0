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
            cargo clippy -q --manifest-path $package/Cargo.toml --all-targets -- -D warnings
    else
        skip "lints of $package" "cargo clippy is not installed"
    fi
done

cargo_test rust.log --release
# The tools have a profile of their own: the library would be built twice into one place otherwise.
cargo_test tools.log --profile tools --features tools --bins --test tools

# What crosses threads, in every order that its steps can take.
export RUSTFLAGS="--cfg loom"
cargo_test loom.log --release --target-dir "$TARGET/loom" --lib loom_
finish
