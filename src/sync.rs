//! The lock and the flags of everything that crosses threads: those of std, or in a build with
//! `--cfg loom` those whose interleavings the models (`loom_*` tests) explore.

#![forbid(unsafe_code)]

#[cfg(not(all(test, loom)))]
pub use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, fence},
};

#[cfg(all(test, loom))]
pub use loom::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU32, fence},
};
