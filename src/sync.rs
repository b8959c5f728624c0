//! The lock and the flags of everything that crosses threads: those of std, or in a build with
//! `--cfg loom` those whose interleavings the models explore.
//!
//! The models run by `RUSTFLAGS="--cfg loom" cargo test --release --lib loom_`; other tests do not run
//! in such a build.

#![forbid(unsafe_code)]

#[cfg(not(all(test, loom)))]
pub use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32},
};

#[cfg(all(test, loom))]
pub use loom::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32},
};
