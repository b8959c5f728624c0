//! The C boundary: one file per public header, each function its contract, a conversion and one
//! call into `api`. No logic and no state lives here.
//!
//! The files named after a header are also what that header is generated from, so their doc
//! comments are written for a C reader and what cbindgen must not see is elsewhere: pointer helpers
//! in `boundary`, the functions no public header declares in `heap`, `sibling` and `variadic`.

// How many arguments a function takes is for the headers to say.
#![allow(clippy::too_many_arguments)]

mod boundary;

pub mod bind;
pub mod block;
pub mod config;
pub mod core;
pub mod deferral;
pub mod doorbell;
pub mod endpoint;
pub mod ext;
pub mod fd_event;
pub mod heap;
pub mod logging;
pub mod memory;
pub mod poll;
pub mod rdma;
pub mod sibling;
pub mod thread;
pub mod timer;
pub mod variadic;
