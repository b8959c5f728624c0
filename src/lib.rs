//! A per-thread event loop with zero-copy buffers and one API over many transports, behind a C ABI.
//!
//! Arrows point down: a module uses those below it, never those above.
//!
//! ```text
//! capi                        C boundary
//!   └─► api                   what a user holds and does
//!         └─► transport       one contract, one folder per technology
//!               └─► event     the loop
//!               └─► memory    buffers
//!                     └─► sys the kernel
//! ```
//!
//! `abi`, `config`, `log`, `sync` and `time` stand beside the tree; every module may use them. A transport
//! reaches a user only through the [`transport::Cx`] it is handed.

pub mod abi;
pub mod api;
pub mod capi;
pub mod config;
pub mod event;
pub mod log;
pub mod memory;
mod sync;
pub mod sys;
pub mod time;
pub mod transport;
